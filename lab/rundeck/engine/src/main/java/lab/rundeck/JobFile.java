package lab.rundeck;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** A file with a YAML list of jobs, as Rundeck exports it. */
record JobFile(List<Job> jobs) {

    static JobFile read(Path file) throws IOException, RunRefused {
        Object top = new org.yaml.snakeyaml.Yaml(new SafeConstructor(new LoaderOptions()))
                .load(Files.readString(file));
        List<Job> jobs = Yaml.list(top).stream().map(o -> new Job(Yaml.map(o))).toList();
        if (jobs.isEmpty()) {
            throw new RunRefused("No jobs in " + file.getFileName() + ": an export is a YAML list of jobs");
        }
        return new JobFile(jobs);
    }

    Optional<Job> find(String reference) {
        return jobs.stream().filter(job -> job.is(reference)).findFirst();
    }

    /** The job with this name, group/name or UUID, or the only job of the file for null. */
    Job choose(String reference) throws RunRefused {
        if (reference == null && jobs.size() > 1) {
            throw new RunRefused("The file holds " + jobs.size() + " jobs, name one of "
                    + jobs.stream().map(Job::path).toList());
        }
        return (reference == null ? Optional.of(jobs.get(0)) : find(reference))
                .orElseThrow(() -> new RunRefused("Job not found: " + reference));
    }
}
