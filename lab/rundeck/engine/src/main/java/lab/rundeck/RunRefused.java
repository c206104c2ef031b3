package lab.rundeck;

/** The run does not start; the message is what Rundeck would show. */
class RunRefused extends Exception {
    private static final long serialVersionUID = 1L;

    RunRefused(String message) {
        super(message);
    }
}
