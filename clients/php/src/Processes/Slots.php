<?php

declare(strict_types=1);

namespace Prack\Processes;

use Prack\Api\Backoff;
use Prack\Api\Connection;
use Prack\Api\Gateway;
use Prack\Application;
use Prack\Lines;
use Prack\Unreachable;

/** The parent of one process a slot: starts them, replaces those that end, and sees them off. */
final class Slots
{
    private const LEAVE_SECONDS = 1.0; // a poll that began just before the stop is ended by the next call
    private const HEALTHY_SECONDS = 30.0;
    private const SIGNALS = [SIGTERM => 143, SIGINT => 130];

    /** @var array<int, Child> by process id */
    private array $children = [];
    /** @var list<array{float, bool}> when to start a process, and whether it speaks for all */
    private array $vacant = [];
    private float $lastFailure = 0.0;
    private int $signal = 0;
    private bool $refused = false;
    /** @var array{resource, resource} a signal ends a wait by writing to the second */
    private array $wake;
    private Backoff $backoff;
    private Connection $connection;

    public function __construct(
        private readonly Application $app,
        private readonly Gateway $gateway,
        private readonly Lines $log,
    ) {
        $this->wake = self::pair();
        $this->backoff = new Backoff();
        $this->connection = new Connection($gateway->settings);
    }

    /** Returns the exit status of the worker. */
    public function run(): int
    {
        $settings = $this->gateway->settings;
        $this->log->info(sprintf('Running %s with %d slots', $this->app, $settings->number('slots')));
        $this->listen();
        $this->vacant = [[0.0, true], ...array_fill(0, $settings->number('slots') - 1, [0.0, false])];
        while ($this->signal === 0 && !$this->refused) {
            $this->fill();
            $this->await($this->vacant ? max(0.0, min(array_column($this->vacant, 0)) - microtime(true)) : 60.0);
        }
        $this->finish(microtime(true) + $settings->grace());
        $this->log->info('Stopped');
        return $this->refused ? 1 : 0;
    }

    private function listen(): void
    {
        pcntl_async_signals(true);
        foreach (self::SIGNALS as $signal => $code) {
            pcntl_signal($signal, function () use ($signal, $code): void {
                if ($this->signal !== 0) {
                    $this->kill();
                    exit($code);
                }
                $this->signal = $signal;
                fwrite($this->wake[1], '.');
            });
        }
        pcntl_signal(SIGCHLD, fn () => fwrite($this->wake[1], '.'));
    }

    /** Start the processes that are due. */
    private function fill(): void
    {
        foreach ($this->vacant as $key => [$at, $speaks]) {
            if ($at <= microtime(true)) {
                unset($this->vacant[$key]);
                $this->start($speaks);
            }
        }
    }

    /** One process; the first speaks for all of them about the gateway. */
    private function start(bool $speaks): void
    {
        [$ours, $theirs] = self::pair();
        $pid = pcntl_fork();
        if ($pid === -1) {
            throw new \RuntimeException('this machine allows no more processes: take fewer slots');
        }
        if ($pid === 0) {
            fclose($ours);
            exit($this->become($theirs, $speaks));
        }
        fclose($theirs);
        posix_setpgid($pid, $pid); // with what it starts
        $this->children[$pid] = new Child($pid, $ours);
    }

    /** @param resource $parent */
    private function become($parent, bool $speaks): int
    {
        posix_setpgid(0, 0);
        // The parent says when to stop. A handler, unlike SIG_IGN, is not for programs that the application starts.
        pcntl_signal(SIGTERM, static fn () => null);
        pcntl_signal(SIGINT, static fn () => null);
        pcntl_signal(SIGCHLD, SIG_DFL);
        foreach ($this->children as $sibling) {
            $sibling->close();
        }
        $gateway = $speaks ? $this->gateway : $this->gateway->quiet();
        return (new Slot($this->app, $gateway, $this->log, $parent))->run();
    }

    /** Wait for a signal, for what processes tell, or so many seconds. */
    private function await(float $seconds): void
    {
        $links = array_map(static fn (Child $child) => $child->link(), $this->children);
        $read = [...$links, $this->wake[0]];
        $none = null;
        if (@stream_select($read, $none, $none, (int) $seconds, (int) (fmod($seconds, 1) * 1e6))) {
            fread($this->wake[0], 4096);
            array_map(static fn (Child $child) => $child->listen(), $this->children);
        }
        while (($pid = pcntl_waitpid(-1, $status, WNOHANG)) > 0) {
            if (isset($this->children[$pid])) {
                $this->bury($this->children[$pid], $status);
            }
        }
    }

    private function bury(Child $child, int $status): void
    {
        $child->listen();
        $child->close();
        $speaks = array_key_first($this->children) === $child->pid;
        unset($this->children[$child->pid]);
        $code = pcntl_wifexited($status) ? pcntl_wexitstatus($status) : -pcntl_wtermsig($status);
        $this->refused = $this->refused || $code === Slot::REFUSED;
        $this->vacant[] = [microtime(true) + ($code === 0 ? 0.0 : $this->failed($child, $code)), $speaks];
    }

    /** A process that was not to end; returns the seconds until another one takes its place. */
    private function failed(Child $child, int $code): float
    {
        $how = $code > 0 ? "status $code" : 'signal ' . -$code;
        $this->log->error(rtrim("A process has ended with $how" . strstr($child->held, ' ')));
        $this->disown($child);
        if (microtime(true) - $this->lastFailure > self::HEALTHY_SECONDS) {
            $this->backoff->reset();
        }
        $this->lastFailure = microtime(true);
        return $this->backoff->next();
    }

    /** Its client need not wait until the deadline. */
    private function disown(Child $child): void
    {
        if ($child->held === '') {
            return;
        }
        try {
            $this->gateway->fail($this->connection, (string) strstr($child->held, ' ', true));
        } catch (Unreachable) {
            $this->connection->close();
        }
    }

    private function finish(float $until): void
    {
        $grace = $this->gateway->settings->grace();
        $format = 'Stopping: %d requests in progress, waiting up to %g s (PRACK_GRACE)';
        $this->log->info(sprintf($format, count($this->held()), $grace));
        array_map(static fn (Child $child) => $child->stop(), $this->children);
        while ($this->children && microtime(true) < $until) {
            if (count($this->held()) < count($this->children)) {
                $this->leave();
            }
            $this->await(min(self::LEAVE_SECONDS, max(0.0, $until - microtime(true))));
        }
        if ($held = $this->held()) {
            $names = array_map(static fn (string $one) => ltrim((string) strstr($one, ' ')), $held);
            $format = 'Unfinished at the end of PRACK_GRACE: %d requests: %s';
            $this->log->warning(sprintf($format, count($held), implode('; ', $names)));
        }
        $this->kill();
    }

    /** @return list<string> */
    private function held(): array
    {
        return array_values(array_filter(array_map(static fn (Child $child) => $child->held, $this->children)));
    }

    private function leave(): void
    {
        try {
            $this->gateway->leave($this->connection);
        } catch (Unreachable) { // then the polls end when their time is over
            $this->connection->close();
        }
    }

    private function kill(): void
    {
        foreach ($this->children as $child) {
            posix_kill(-$child->pid, SIGKILL);
        }
    }

    /** @return array{resource, resource} */
    private static function pair(): array
    {
        $pair = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        if ($pair === false) {
            throw new \RuntimeException('this machine allows no more files: raise `ulimit -n`');
        }
        stream_set_blocking($pair[0], false);
        return $pair;
    }
}
