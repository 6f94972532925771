package io.fusedax.tools;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.FileAppender;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.spi.ContextAwareBase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import org.slf4j.LoggerFactory;

/**
 * Sets up Logback in code, which spares every command the search for XML: warnings to stderr,
 * unless told otherwise. Loaded by Logback as a service.
 */
public final class Logging extends ContextAwareBase implements Configurator {
    private static final String LEVEL_VARIABLE = "FUSE_DAX_LOG_LEVEL";
    private static final String PATTERN =
            "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} "
                    + ProcessHandle.current().pid()
                    + " %level %logger{0} %msg%n";
    private static final long LARGE_LOG_BYTES = 16L << 20;
    private static final String APPENDER = "fuse-dax";

    /** For Logback's service loader. */
    public Logging() {}

    @Override
    public ExecutionStatus configure(LoggerContext context) {
        setContext(context);
        ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
        appender.setTarget("System.err");
        install(context, appender);
        context.getLogger(Logger.ROOT_LOGGER_NAME)
                .setLevel(Level.toLevel(System.getenv(LEVEL_VARIABLE), Level.WARN));
        return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }

    /** Sets the level of everything; the environment's FUSE_DAX_LOG_LEVEL outranks it. */
    static void level(String level) {
        context()
                .getLogger(Logger.ROOT_LOGGER_NAME)
                .setLevel(
                        Level.toLevel(
                                System.getenv(LEVEL_VARIABLE),
                                Level.toLevel(level.toUpperCase(Locale.ROOT), Level.INFO)));
    }

    /**
     * From now on appends to a file instead of writing to stderr. Several daemons may share it; one
     * that has grown large is put aside first.
     */
    static void toFile(Path file) throws IOException {
        if (Files.exists(file) && Files.size(file) > LARGE_LOG_BYTES) {
            Files.move(
                    file,
                    file.resolveSibling(file.getFileName() + ".1"),
                    StandardCopyOption.REPLACE_EXISTING);
        }
        Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND).close();
        FileAppender<ILoggingEvent> appender = new FileAppender<>();
        appender.setFile(file.toString());
        install(context(), appender);
    }

    /** From now on logs nothing. */
    static void off() {
        context().getLogger(Logger.ROOT_LOGGER_NAME).setLevel(Level.OFF);
    }

    private static void install(
            LoggerContext context, OutputStreamAppender<ILoggingEvent> appender) {
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setContext(context);
        encoder.setPattern(PATTERN);
        encoder.start();
        appender.setContext(context);
        appender.setName(APPENDER);
        appender.setEncoder(encoder);
        appender.start();
        Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
        Appender<ILoggingEvent> earlier = root.getAppender(APPENDER);
        root.addAppender(appender);
        if (earlier != null) {
            root.detachAppender(earlier);
            earlier.stop();
        }
    }

    private static LoggerContext context() {
        return (LoggerContext) LoggerFactory.getILoggerFactory();
    }
}
