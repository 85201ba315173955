package io.holdfast.node.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.codahale.metrics.MetricRegistry;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.instrumentation.dropwizard.DropwizardExports;
import io.prometheus.metrics.instrumentation.jvm.JvmMetrics;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/**
 * Three pages for probes and scrapers: {@code /health/live} (the process works), {@code /health/ready} (it serves; else
 * 503 and why not) and {@code /metrics} (Prometheus text).
 */
public final class AdminHttp implements Closeable {
    private final HttpServer server;
    private final ExecutorService threads = Executors.newFixedThreadPool(2, task -> {
        Thread thread = new Thread(task, "http");
        thread.setDaemon(true);
        return thread;
    });

    /** @param notReady why the node does not serve; empty when it does */
    public AdminHttp(String host, int port, MetricRegistry metrics, Supplier<String> notReady) throws IOException {
        PrometheusRegistry registry = new PrometheusRegistry();
        DropwizardExports.builder().dropwizardRegistry(metrics).register(registry);
        JvmMetrics.builder().register(registry);
        try {
            server = HttpServer.create(new InetSocketAddress(host, port), 16);
        } catch (IOException e) {
            throw new IOException(
                    "cannot listen on " + host + ":" + port + " (listen.http-port): " + e.getMessage(), e);
        }
        server.setExecutor(threads);
        server.createContext(
                "/",
                exchange -> answer(
                        exchange,
                        404,
                        "text/plain",
                        "there are /metrics, /health/live and /health/ready\n".getBytes(UTF_8)));
        server.createContext("/health/live", exchange -> answer(exchange, 200, "text/plain", "live\n".getBytes(UTF_8)));
        server.createContext("/health/ready", exchange -> {
            String why = notReady.get();
            answer(
                    exchange,
                    why.isEmpty() ? 200 : 503,
                    "text/plain",
                    ((why.isEmpty() ? "ready" : why) + "\n").getBytes(UTF_8));
        });
        server.createContext("/metrics", exchange -> {
            PrometheusTextFormatWriter writer = PrometheusTextFormatWriter.create();
            ByteArrayOutputStream text = new ByteArrayOutputStream();
            writer.write(text, registry.scrape());
            answer(exchange, 200, writer.getContentType(), text.toByteArray());
        });
        server.start();
    }

    private static void answer(HttpExchange exchange, int status, String type, byte[] body) throws IOException {
        try (exchange) {
            exchange.getResponseHeaders().set("Content-Type", type);
            exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(body);
            }
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
