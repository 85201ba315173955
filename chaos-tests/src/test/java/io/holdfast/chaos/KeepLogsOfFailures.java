package io.holdfast.chaos;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;

/** Where several tests share a cluster, its data and logs stay if one of them fails. Registered for all tests here. */
public final class KeepLogsOfFailures implements TestExecutionExceptionHandler {
    @Override
    public void handleTestExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        TestCluster.keepWhatRuns();
        throw failure;
    }
}
