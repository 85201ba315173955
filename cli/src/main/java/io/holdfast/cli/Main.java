package io.holdfast.cli;

import io.holdfast.cli.backup.BackupCommand;
import io.holdfast.cli.bench.BenchCommand;
import io.holdfast.cli.declare.ApplyCommand;
import io.holdfast.cli.declare.ExportCommand;
import io.holdfast.cli.doctor.DoctorCommand;
import io.holdfast.cli.queue.DlqCommand;
import io.holdfast.cli.queue.ExplainCommand;
import io.holdfast.cli.queue.GroupCommand;
import io.holdfast.cli.queue.QueueCommand;
import io.holdfast.cli.quickstart.QuickstartCommand;
import io.holdfast.cli.stream.StreamCommand;
import io.holdfast.client.HoldfastException;
import io.holdfast.node.config.ConfigException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** Entry point. Exit codes: 0 done, 1 it did not work, 2 wrong usage, 3 wrong configuration. */
@Command(
        name = "holdfast",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = {
            "A message log that keeps every acknowledged record on the disks of a majority.",
            "",
            "Start here:",
            "  holdfast quickstart          three nodes, a real file, a killed leader, a report",
            "  holdfast dev                 one node to try things on; then, in another terminal:",
            "  holdfast topic create notes",
            "  echo hello | holdfast produce notes",
            "  holdfast consume notes",
            ""
        },
        footer = {"", "Every command explains itself: holdfast COMMAND --help"})
public final class Main implements Runnable {
    static final int EXIT_FAILED = 1;
    static final int EXIT_USAGE = 2;
    static final int EXIT_CONFIG = 3;

    private static final List<Class<?>> COMMANDS = List.of(
            QuickstartCommand.class,
            DevCommand.class,
            UpCommand.class,
            DownCommand.class,
            ServerCommand.class,
            TopicCommand.class,
            ProduceCommand.class,
            ConsumeCommand.class,
            GroupCommand.class,
            QueueCommand.class,
            DlqCommand.class,
            ExplainCommand.class,
            StreamCommand.class,
            ScheduleCommand.class,
            ApplyCommand.class,
            ExportCommand.class,
            BackupCommand.class,
            ClusterCommand.class,
            NodeCommand.class,
            ScrubCommand.class,
            DoctorCommand.class,
            BenchCommand.class);

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    public static void main(String[] args) {
        System.exit(execute(args));
    }

    /** Runs a command line and returns the exit code. */
    public static int execute(String... args) {
        CommandLine commands = new CommandLine(new Main());
        commands(args.length == 0 ? "" : args[0]).forEach(commands::addSubcommand);
        return commands.setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionExceptionHandler((failure, command, parsed) -> explain(failure, command))
                .execute(args);
    }

    /**
     * The command of this name alone; all if there is none. To make them all takes as long as many a command, and a good
     * part of a node's start.
     */
    private static List<Class<?>> commands(String name) {
        List<Class<?>> all = new ArrayList<>(COMMANDS);
        for (CommandSource more : ServiceLoader.load(CommandSource.class)) {
            all.addAll(more.commands());
        }
        for (Class<?> command : all) {
            if (command.getAnnotation(Command.class).name().equals(name)) {
                return List.of(command);
            }
        }
        all.add(HelpCommand.class);
        return all;
    }

    private static int explain(Exception failure, CommandLine command) throws Exception {
        String name = command.getCommandSpec().qualifiedName();
        if (failure instanceof ConfigException) {
            System.err.println(name + ": " + failure.getMessage());
            return EXIT_CONFIG;
        }
        if (failure instanceof HoldfastException refusal) {
            System.err.println(name + ": " + refusal.getMessage());
            return EXIT_FAILED;
        }
        if (failure instanceof IOException || failure instanceof UncheckedIOException) {
            System.err.println(
                    name + ": " + (failure instanceof FileSystemException file ? text(file) : failure.getMessage()));
            return EXIT_FAILED;
        }
        throw failure;
    }

    /** These say which file, but hide what about it in their class. */
    private static String text(FileSystemException failure) {
        if (failure instanceof AccessDeniedException) {
            return "permission denied: " + failure.getFile();
        }
        return failure instanceof NoSuchFileException ? "no such file: " + failure.getFile() : failure.toString();
    }
}
