package io.fusedax.backing.region;

import io.fusedax.backing.FsException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Another process that opens a region, says how that went in one line, and holds it until it is
 * closed.
 */
final class RegionChild implements AutoCloseable {
    private final Process process;
    private final String answer;

    private RegionChild(Process process, String answer) {
        this.process = process;
        this.answer = answer;
    }

    /**
     * @param wrapper a command to run it under, may be empty
     * @param createSizeBytes 0 to open what is there
     */
    static RegionChild start(List<String> wrapper, String path, long createSizeBytes)
            throws IOException {
        List<String> command = new ArrayList<>(wrapper);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        if (java.lang.Runtime.version().feature() >= 24) {
            command.add("--enable-native-access=ALL-UNNAMED");
            command.add("--sun-misc-unsafe-memory-access=allow");
        }
        command.addAll(
                List.of("-cp", System.getProperty("java.class.path"), RegionChild.class.getName()));
        command.addAll(List.of(path, Long.toString(createSizeBytes)));
        Process process =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        BufferedReader out =
                new BufferedReader(
                        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        return new RegionChild(process, out.readLine());
    }

    String answer() {
        return answer;
    }

    long pid() {
        return process.pid();
    }

    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Override
    public void close() throws IOException, InterruptedException {
        process.getOutputStream().close();
        process.waitFor();
    }

    public static void main(String[] args) throws IOException {
        RegionOptions options =
                RegionOptions.defaults().withCreateSizeBytes(Long.parseLong(args[1]));
        try (Region region = Regions.open(Path.of(args[0]), options)) {
            System.out.println((region.readOnly() ? "ro " : "rw ") + region.path().orElseThrow());
            System.in.transferTo(OutputStream.nullOutputStream());
        } catch (FsException e) {
            System.out.println(e.errno().name() + " " + e.getMessage());
        }
    }
}
