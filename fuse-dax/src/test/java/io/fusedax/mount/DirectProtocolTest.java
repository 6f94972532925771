package io.fusedax.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The C compiler sees fusedax-protocol.h as the constants here say. */
class DirectProtocolTest {
    private static final Path HEADER = Path.of("src/main/c/fusedax-protocol.h").toAbsolutePath();

    private final Map<String, Long> expected = new LinkedHashMap<>();

    private void is(String expression, long value) {
        expected.put(expression, value);
    }

    private void size(String struct, long bytes) {
        is("sizeof(struct fusedax_" + struct + ")", bytes);
    }

    private void at(String struct, String field, long offset) {
        is("offsetof(struct fusedax_" + struct + "," + field + ")", offset);
    }

    private void expectIoctls() {
        is("FUSEDAX_VERSION", ControlProtocol.VERSION);
        is("FUSEDAX_MAGIC", ControlProtocol.MAGIC);
        is("FUSEDAX_IOCTL_HELLO", ControlProtocol.HELLO & 0xFFFFFFFFL);
        is("FUSEDAX_IOCTL_ATTACH", ControlProtocol.ATTACH & 0xFFFFFFFFL);
        is("FUSEDAX_IOCTL_FAULT", ControlProtocol.FAULT & 0xFFFFFFFFL);
        is("FUSEDAX_IOCTL_DETACH", ControlProtocol.DETACH & 0xFFFFFFFFL);
        is("FUSEDAX_IOCTL_COLLAPSE_RANGE", ControlProtocol.COLLAPSE_RANGE & 0xFFFFFFFFL);
        is("FUSEDAX_IOCTL_INSERT_RANGE", ControlProtocol.INSERT_RANGE & 0xFFFFFFFFL);
        at("hello", "magic", ControlProtocol.Hello.MAGIC);
        at("hello", "version", ControlProtocol.Hello.VERSION);
        at("hello", "process_id", ControlProtocol.Hello.PROCESS_ID);
        at("hello", "uuid", ControlProtocol.Hello.UUID);
        at("hello", "read_only", ControlProtocol.Hello.READ_ONLY);
        at("hello", "owner_uid", ControlProtocol.Hello.OWNER_UID);
        at("hello", "fault_bytes", ControlProtocol.Hello.FAULT_BYTES);
        at("hello", "mechanism", ControlProtocol.Hello.MECHANISM);
        at("hello", "session", ControlProtocol.Hello.SESSION);
        at("hello", "transport", ControlProtocol.Hello.TRANSPORT);
        at("hello", "region_kind", ControlProtocol.Hello.REGION_KIND);
        at("hello", "flush", ControlProtocol.Hello.FLUSH);
        at("hello", "unit_shift", ControlProtocol.Hello.UNIT_SHIFT);
        size("hello", ControlProtocol.Hello.SIZE_BYTES);
        is("FUSEDAX_MECHANISM_NONE", ControlProtocol.Hello.MECHANISM_NONE);
        is("FUSEDAX_MECHANISM_SIGNAL", ControlProtocol.Hello.MECHANISM_SIGNAL);
        is("FUSEDAX_MECHANISM_UFFD", ControlProtocol.Hello.MECHANISM_UFFD);
        at("attach", "cookie", ControlProtocol.Attach.COOKIE);
        at("attach", "version", ControlProtocol.Attach.VERSION);
        at("attach", "flags", ControlProtocol.Attach.FLAGS);
        at("attach", "file", ControlProtocol.Attach.FILE);
        at("attach", "generation", ControlProtocol.Attach.GENERATION);
        size("attach", ControlProtocol.Attach.SIZE_BYTES);
        is("FUSEDAX_ATTACH_DAX", ControlProtocol.Attach.FLAG_DAX);
        is("FUSEDAX_ATTACH_WRITABLE", ControlProtocol.Attach.FLAG_WRITABLE);
        at("detach", "cookie", ControlProtocol.Detach.COOKIE);
        at("detach", "file", ControlProtocol.Detach.FILE);
        size("detach", ControlProtocol.Detach.SIZE_BYTES);
        size("range", ControlProtocol.Range.SIZE_BYTES);
    }

    private void expectFault() {
        at("fault", "cookie", ControlProtocol.Fault.COOKIE);
        at("fault", "offset", ControlProtocol.Fault.OFFSET);
        at("fault", "area_start", ControlProtocol.Fault.AREA_START);
        at("fault", "area_end", ControlProtocol.Fault.AREA_END);
        at("fault", "address", ControlProtocol.Fault.ADDRESS);
        at("fault", "flags", ControlProtocol.Fault.FLAGS);
        at("fault", "result", ControlProtocol.Fault.RESULT);
        at("fault", "start", ControlProtocol.Fault.START);
        at("fault", "length", ControlProtocol.Fault.LENGTH);
        at("fault", "region", ControlProtocol.Fault.REGION);
        at("fault", "generation", ControlProtocol.Fault.GENERATION);
        at("fault", "area", ControlProtocol.Fault.AREA);
        at("fault", "guard_start", ControlProtocol.Fault.GUARD_START);
        at("fault", "guard_length", ControlProtocol.Fault.GUARD_LENGTH);
        size("fault", ControlProtocol.Fault.SIZE_BYTES);
        is("FUSEDAX_FAULT_WRITE", ControlProtocol.Fault.FLAG_WRITE);
        is("FUSEDAX_FAULT_SYNC", ControlProtocol.Fault.FLAG_SYNC);
        is("FUSEDAX_FAULT_PREFAULT", ControlProtocol.Fault.FLAG_PREFAULT);
        is("FUSEDAX_RESULT_ZERO", ControlProtocol.Fault.RESULT_ZERO);
        is("FUSEDAX_RESULT_READ", ControlProtocol.Fault.RESULT_READ);
        is("FUSEDAX_RESULT_WRITE", ControlProtocol.Fault.RESULT_WRITE);
        is("FUSEDAX_RESULT_BUS", ControlProtocol.Fault.RESULT_BUS);
        is("FUSEDAX_RESULT_RETRY", ControlProtocol.Fault.RESULT_RETRY);
    }

    private void expectMessages() {
        is("FUSEDAX_MSG_HELLO", DirectProtocol.TYPE_HELLO);
        is("FUSEDAX_MSG_WELCOME", DirectProtocol.TYPE_WELCOME);
        is("FUSEDAX_MSG_REGION", DirectProtocol.TYPE_REGION);
        is("FUSEDAX_MSG_GRANT", DirectProtocol.TYPE_GRANT);
        is("FUSEDAX_MSG_REVOKE", DirectProtocol.TYPE_REVOKE);
        is("FUSEDAX_MSG_ACK", DirectProtocol.TYPE_ACK);
        is("FUSEDAX_MSG_GUARD", DirectProtocol.TYPE_GUARD);
        at("msg_guard", "version", DirectProtocol.Guard.VERSION);
        at("msg_guard", "cookie", DirectProtocol.Guard.COOKIE);
        size("msg_guard", DirectProtocol.Guard.SIZE_BYTES);
        at("msg_hello", "version", DirectProtocol.Hello.VERSION);
        size("msg_hello", DirectProtocol.Hello.SIZE_BYTES);
        at("msg_welcome", "version", DirectProtocol.Welcome.VERSION);
        at("msg_welcome", "status", DirectProtocol.Welcome.STATUS);
        at("msg_welcome", "cookie", DirectProtocol.Welcome.COOKIE);
        size("msg_welcome", DirectProtocol.Welcome.SIZE_BYTES);
        at("msg_region", "version", DirectProtocol.Region.VERSION);
        at("msg_region", "cookie", DirectProtocol.Region.COOKIE);
        at("msg_region", "writable", DirectProtocol.Region.WRITABLE);
        size("msg_region", DirectProtocol.Region.SIZE_BYTES);
        at("msg_grant", "status", DirectProtocol.Grant.STATUS);
        at("msg_grant", "region_bytes", DirectProtocol.Grant.REGION_BYTES);
        size("msg_grant", DirectProtocol.Grant.SIZE_BYTES);
        at("msg_revoke", "serial", DirectProtocol.Revoke.SERIAL);
        at("msg_revoke", "file", DirectProtocol.Revoke.FILE);
        at("msg_revoke", "from", DirectProtocol.Revoke.FROM);
        at("msg_revoke", "to", DirectProtocol.Revoke.TO);
        at("msg_revoke", "generation", DirectProtocol.Revoke.GENERATION);
        size("msg_revoke", DirectProtocol.Revoke.SIZE_BYTES);
        at("msg_ack", "serial", DirectProtocol.Ack.SERIAL);
        size("msg_ack", DirectProtocol.Ack.SIZE_BYTES);
    }

    @Test
    void layoutsAreTheHeaders(@TempDir Path folder) throws Exception {
        expectIoctls();
        expectFault();
        expectMessages();
        List<String> program = new ArrayList<>();
        program.add("#include <stddef.h>");
        program.add("#include <stdio.h>");
        program.add("#include \"" + HEADER + "\"");
        program.add("int main(void) {");
        for (String expression : expected.keySet()) {
            program.add("printf(\"%lld\\n\", (long long)(" + expression + "));");
        }
        program.add("return 0; }");
        Path source = folder.resolve("layout.c");
        Files.write(source, program);
        Path binary = folder.resolve("layout");
        run("cc", "-o", binary.toString(), source.toString());
        List<String> lines = run(binary.toString()).lines().toList();
        int i = 0;
        Map<String, Long> actual = new LinkedHashMap<>();
        for (String expression : expected.keySet()) {
            actual.put(expression, Long.parseLong(lines.get(i++)));
        }
        assertEquals(expected, actual);
    }

    private static String run(String... words) throws IOException, InterruptedException {
        Process process;
        try {
            process = new ProcessBuilder(words).redirectErrorStream(true).start();
        } catch (IOException e) {
            return Assumptions.abort("no C compiler: " + e.getMessage());
        }
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        return output;
    }
}
