package io.holdfast.cli.backup;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Where backups are. */
final class PlaceOptions {
    private static final Duration FORGOTTEN_AFTER = Duration.ofMinutes(5);

    @Parameters(
            paramLabel = "FOLDER",
            description = "Where the backups of one cluster are, or shall be: a folder, or s3://BUCKET/PREFIX.")
    private String place = "";

    @Option(
            names = "--s3-endpoint",
            paramLabel = "URL",
            description =
                    "Of a server that speaks as S3 does. Default: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, or AWS itself. Who may is "
                            + "found as by AWS' own tools, in $AWS_ACCESS_KEY_ID and so on.")
    private @Nullable URI endpoint;

    BackupStore open() throws IOException {
        return BucketStore.isBucket(place)
                ? new BucketStore(place, endpoint(), FORGOTTEN_AFTER)
                : new FolderStore(Path.of(place));
    }

    private @Nullable URI endpoint() {
        String text = System.getenv().getOrDefault("AWS_ENDPOINT_URL_S3", System.getenv("AWS_ENDPOINT_URL"));
        return endpoint != null || text == null ? endpoint : URI.create(text);
    }
}
