package io.holdfast.cli.backup;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.chaos.S3Server;
import io.holdfast.node.config.ConfigException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;

/** At most one backup at a time is made in a bucket. */
@Timeout(60)
class BucketHoldIT {
    private static final String BUCKET = "holds";
    private static final Duration FORGOTTEN_AFTER = Duration.ofSeconds(3);

    @Test
    void shouldBeHeldByOne(@TempDir Path temporary) throws Exception {
        try (S3Server server = S3Server.start(temporary, BUCKET);
                BackupStore one = store(server);
                BackupStore two = store(server);
                S3Client s3 = server.client()) {
            BackupStore.Hold hold = one.hold();
            assertTaken(two);
            Thread.sleep(FORGOTTEN_AFTER.toMillis() + 1500);
            hold.check();
            assertTaken(two); // it was renewed
            hold.close();

            BackupStore.Hold next = two.hold();
            assertTaken(one);
            s3.putObject(put -> put.bucket(BUCKET).key("b/lock"), RequestBody.fromString("of one that died"));
            Thread.sleep(FORGOTTEN_AFTER.toMillis() / 2);
            assertThatThrownBy(next::check).as("its lease was taken").isInstanceOf(IOException.class);
            next.close();
            assertTaken(one); // it did not take the other's away
            Thread.sleep(FORGOTTEN_AFTER.toMillis());
            one.hold().close(); // the dead one is forgotten
            two.hold().close();

            BackupStore.Hold cutOff = one.hold();
            server.close();
            Thread.sleep(FORGOTTEN_AFTER.toMillis() + 500);
            assertThatThrownBy(cutOff::check).as("not renewed for too long").isInstanceOf(IOException.class);
            cutOff.close();
        }
    }

    private static void assertTaken(BackupStore store) {
        assertThatThrownBy(store::hold).isInstanceOf(ConfigException.class).hasMessageContaining("wait");
    }

    private static BackupStore store(S3Server server) throws IOException {
        return new BucketStore("s3://" + BUCKET + "/b", server.endpoint(), FORGOTTEN_AFTER);
    }
}
