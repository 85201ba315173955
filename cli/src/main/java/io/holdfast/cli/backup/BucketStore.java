package io.holdfast.cli.backup;

import io.holdfast.cli.local.LocalCluster;
import io.holdfast.node.config.ConfigException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.core.sync.ResponseTransformer;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.model.NoSuchBucketException;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/**
 * Backups under a prefix of a bucket, in S3 or what speaks as it does. Who may is looked up as AWS' own tools do: variables,
 * profiles, roles. Files are written and read by way of the local folder for temporary files, one at a time for each thread, so
 * that a connection that breaks is tried again in whole.
 */
final class BucketStore implements BackupStore {
    private static final String SCHEME = "s3://";
    private static final int NOT_FOUND = 404;

    private final S3Client s3;
    private final String bucket;
    private final String prefix;
    private final Duration forgottenAfter;
    /** Of this process alone, for files on their way; nobody else can read them. */
    private final Path local;

    static boolean isBucket(String place) {
        return place.startsWith(SCHEME);
    }

    /**
     * @param place {@code s3://BUCKET} or {@code s3://BUCKET/PREFIX}
     * @param endpoint of a server of one's own; null: that of AWS
     * @param forgottenAfter so long after a backup broke off, another can begin
     */
    BucketStore(String place, @Nullable URI endpoint, Duration forgottenAfter) throws IOException {
        this.forgottenAfter = forgottenAfter;
        String path = place.substring(SCHEME.length());
        int slash = path.indexOf('/');
        bucket = slash < 0 ? path : path.substring(0, slash);
        if (bucket.isEmpty()) {
            throw new ConfigException("name a bucket, as in s3://BUCKET/PREFIX, not " + place);
        }
        String under = slash < 0 ? "" : path.substring(slash + 1);
        prefix = under.isEmpty() || under.endsWith("/") ? under : under + "/";
        S3ClientBuilder builder = S3Client.builder().httpClientBuilder(UrlConnectionHttpClient.builder());
        if (endpoint != null) { // what speaks as S3 does seldom knows buckets by host, regions, or checksums that trail
            builder.endpointOverride(endpoint)
                    .forcePathStyle(true)
                    .region(Region.of(System.getenv().getOrDefault("AWS_REGION", "us-east-1")))
                    .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED);
        }
        try {
            s3 = builder.build();
        } catch (SdkException e) {
            throw new ConfigException(this + ": " + e.getMessage());
        }
        local = Files.createTempDirectory("holdfast-backup-");
    }

    private interface Call<T> {
        T run() throws IOException;
    }

    private <T> T call(String name, Call<T> call) throws IOException {
        try {
            return call.run();
        } catch (NoSuchKeyException e) {
            throw new NoSuchFileException(this + name);
        } catch (NoSuchBucketException e) {
            throw new ConfigException("there is no bucket " + bucket);
        } catch (S3Exception e) {
            if (e.statusCode() == NOT_FOUND) { // to a question without an answer's body
                throw new NoSuchFileException(this + name);
            }
            String said = e.awsErrorDetails() == null
                    ? e.getMessage()
                    : e.awsErrorDetails().errorMessage();
            throw new IOException(this + name + ": " + said + " (" + e.statusCode() + ")", e);
        } catch (SdkException e) {
            if (String.valueOf(e.getMessage()).startsWith("Unable to load credentials")) { // and a page of why not
                throw new ConfigException("say who you are to " + this
                        + ": set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE");
            }
            throw new IOException(this + name + ": " + e.getMessage(), e);
        }
    }

    @Override
    public Hold hold() throws IOException {
        return call("lock", () -> BucketHold.take(s3, bucket, prefix + "lock", toString(), forgottenAfter));
    }

    @Override
    public boolean isEmpty() throws IOException {
        return call(
                "",
                () -> s3.listObjectsV2(
                                list -> list.bucket(bucket).prefix(prefix).maxKeys(1))
                        .contents()
                        .isEmpty());
    }

    @Override
    public boolean has(String name) throws IOException {
        try {
            call(name, () -> s3.headObject(head -> head.bucket(bucket).key(prefix + name)));
            return true;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    @Override
    public List<String> list(String folder) throws IOException {
        String under = prefix + folder;
        return call(
                folder,
                () ->
                        s3
                                .listObjectsV2Paginator(list ->
                                        list.bucket(bucket).prefix(under).delimiter("/"))
                                .contents()
                                .stream()
                                .map(object -> object.key().substring(under.length()))
                                .filter(name -> !name.isEmpty())
                                .toList());
    }

    @Override
    public InputStream open(String name) throws IOException {
        Path copy = local.resolve(UUID.randomUUID().toString());
        try {
            call(
                    name,
                    () -> s3.getObject(get -> get.bucket(bucket).key(prefix + name), ResponseTransformer.toFile(copy)));
            return Files.newInputStream(copy, StandardOpenOption.DELETE_ON_CLOSE);
        } catch (IOException | RuntimeException e) {
            Files.deleteIfExists(copy);
            throw e;
        }
    }

    @Override
    public Path scratch(String folder) throws IOException {
        return Files.createTempFile(local, "new-", "");
    }

    @Override
    public void put(Path written, String name) throws IOException {
        call(name, () -> s3.putObject(put -> put.bucket(bucket).key(prefix + name), RequestBody.fromFile(written)));
        Files.delete(written);
    }

    @Override
    public void close() {
        s3.close();
        LocalCluster.deleteTree(local);
    }

    @Override
    public String toString() {
        return SCHEME + bucket + "/" + prefix;
    }
}
