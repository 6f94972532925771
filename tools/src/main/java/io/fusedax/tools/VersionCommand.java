package io.fusedax.tools;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code fuse-dax version}. */
@Command(
        name = "version",
        description = "Show the versions of fuse-dax and of the Java it runs on.",
        footerHeading = "%nExample:%n",
        footer = "  fuse-dax version")
final class VersionCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Override
    public Integer call() {
        for (String line : new Provider().getVersion()) {
            spec.commandLine().getOut().println(line);
        }
        return ExitCode.OK;
    }

    /** For {@code --version}. */
    static final class Provider implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = FuseDax.class.getPackage().getImplementationVersion();
            return new String[] {
                "fuse-dax " + (version == null ? "(not packaged)" : version),
                "java "
                        + System.getProperty("java.version")
                        + " "
                        + System.getProperty("java.vendor")
            };
        }
    }
}
