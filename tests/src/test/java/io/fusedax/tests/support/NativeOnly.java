package io.fusedax.tests.support;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Skips what only the native transport carries; ext4 as control does, too. A condition, since of an
 * assumption in a method before all tests the report loses the reason.
 */
public final class NativeOnly implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        return MountedVolume.isJnrFuse()
                ? ConditionEvaluationResult.disabled("jnr-fuse cannot carry this")
                : ConditionEvaluationResult.enabled("native, or the control");
    }
}
