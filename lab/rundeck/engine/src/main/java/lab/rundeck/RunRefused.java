package lab.rundeck;

/** The run is rejected before it starts. The message is the one that Rundeck shows. */
class RunRefused extends Exception {
    private static final long serialVersionUID = 1L;

    RunRefused(String message) {
        super(message);
    }
}
