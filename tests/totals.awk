# Counts the test cases of Surefire and Failsafe reports (TEST-*.xml). Prints one line for each
# test that failed or was skipped, and last "passed failed skipped".
#
# What a test printed stands in CDATA sections and may look like anything, so text inside them is
# never taken for markup.
#
# A class given up by an assumption in @BeforeAll leaves a report without test cases: it counts as
# one skipped test.

FNR == 1 && NR > 1 { end_of_report() }

{
    rest = $0
    while (1) {
        if (in_cdata) {
            end = index(rest, "]]>")
            text(end ? substr(rest, 1, end - 1) : rest)
            if (!end) break
            in_cdata = 0
            rest = substr(rest, end + 3)
        } else {
            start = index(rest, "<![CDATA[")
            markup(start ? substr(rest, 1, start - 1) : rest)
            if (!start) break
            in_cdata = 1
            rest = substr(rest, start + 9)
        }
    }
}

END {
    end_of_report()
    print passed + 0, failed + 0, skipped + 0
}

# Each element starts with "<"; an attribute's value has no raw "<".
function markup(line,    i, n, parts) {
    n = split(line, parts, "<")
    if (parts[1] != "") text(parts[1])
    for (i = 2; i <= n; i++) element(parts[i])
}

function element(tag) {
    if (tag ~ /^testsuite[ >]/) {
        suite = short(attribute(tag, "name"))
        cases = 0
    } else if (tag ~ /^testcase[ >]/) {
        cases++
        test = short(attribute(tag, "classname"))
        name = attribute(tag, "name")
        if (name != "") test = test "." name
        outcome = "passed"
        reason = ""
        if (tag ~ /\/>/) finish()
    } else if (tag ~ /^\/testcase>/) {
        finish()
    } else if (tag ~ /^(failure|error|skipped)[ \/>]/) {
        outcome = tag ~ /^skipped/ ? "skipped" : "failed"
        reason = attribute(tag, "message")
        wants_text = reason == "" && tag !~ /\/>/
        if (wants_text && tag ~ />./) text(substr(tag, index(tag, ">") + 1))
    } else {
        wants_text = 0
    }
}

# The first words of a skip's or failure's text are its reason when it has no message.
function text(line) {
    if (!wants_text) return
    reason = bare(line)
    wants_text = reason == ""
}

# A reason without what JUnit puts before it.
function bare(line) {
    sub(/^[ \t\r]+/, "", line)
    sub(/^org\.opentest4j\.[A-Za-z]*(: *|[ \t\r]*$)/, "", line)
    sub(/^Assumption failed: */, "", line)
    sub(/[ \t\r]+$/, "", line)
    return line
}

function end_of_report() {
    if (suite != "" && cases == 0) {
        test = suite
        outcome = "skipped"
        reason = "the whole class; the report lost the reason, as for any assumption in @BeforeAll"
        finish()
    }
    suite = ""
}

function finish() {
    if (outcome == "passed") {
        passed++
    } else {
        if (outcome == "failed") failed++; else skipped++
        reason = bare(reason)
        if (reason == "") reason = "no reason given"
        printf "%s %s: %s: %s\n", toupper(outcome), kind, test, reason
    }
}

function attribute(tag, name,    found) {
    if (!match(tag, "[ \t]" name "=\"[^\"]*\"")) return ""
    found = substr(tag, RSTART, RLENGTH)
    sub(/^[^"]*"/, "", found)
    sub(/"$/, "", found)
    return unescape(found)
}

function short(classname) {
    sub(/^.*\./, "", classname)
    return classname
}

function unescape(s) {
    gsub(/&#10;|&#13;/, " ", s)
    gsub(/&lt;/, "<", s)
    gsub(/&gt;/, ">", s)
    gsub(/&quot;/, "\"", s)
    gsub(/&apos;/, "'", s)
    gsub(/&amp;/, "\\&", s)
    return s
}
