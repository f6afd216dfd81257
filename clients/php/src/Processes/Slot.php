<?php

declare(strict_types=1);

namespace Prack\Processes;

use Prack\Api\Answer;
use Prack\Api\Backoff;
use Prack\Api\Connection;
use Prack\Api\Gateway;
use Prack\Api\Request;
use Prack\Api\Upload;
use Prack\Application;
use Prack\Ended;
use Prack\Lines;
use Prack\Refused;
use Prack\Unreachable;

/** One process: polls, answers, and polls again, until it was told to stop. */
final class Slot
{
    public const REFUSED = 3; // exit status: no process of this worker will be taken

    private Connection $connection;
    private Backoff $backoff;

    /** @param resource $parent tells what to do by closing, and is told what is held */
    public function __construct(
        private readonly Application $app,
        private readonly Gateway $gateway,
        private readonly Lines $log,
        private $parent,
    ) {
        $this->connection = new Connection($gateway->settings);
        $this->backoff = new Backoff();
    }

    /** Returns the exit status. */
    public function run(): int
    {
        $most = $this->gateway->settings->number('restartAfter') ?: PHP_INT_MAX;
        try {
            for ($served = 0; $served < $most && !$this->isStopped(0.0);) {
                $request = $this->poll();
                if ($request !== null) {
                    $this->tell("$request->identifier $request");
                    $this->serve($request);
                    $this->tell('');
                    $served++;
                }
            }
            return 0;
        } catch (Refused $error) {
            $this->log->error($error->getMessage());
            return self::REFUSED;
        }
    }

    private function poll(): ?Request
    {
        try {
            $request = $this->gateway->poll($this->connection);
            $this->backoff->reset();
            return $request;
        } catch (Unreachable $error) {
            $this->connection->close();
            $this->gateway->lost($error);
            $this->isStopped(max($this->backoff->next(), $error->retryAfter));
            return null;
        }
    }

    private function serve(Request $request): void
    {
        $upload = new Upload($request, $this->gateway->settings);
        $answer = new Answer($this->connection, $request, $this->gateway);
        $guard = new Guard($request, $answer, $this->log);
        try {
            $this->app->serve($request, $upload, $answer);
        } catch (Ended $error) {
            $this->log->debug("The answer to $request is lost: {$error->getMessage()}");
        } catch (Unreachable $error) {
            $this->log->warning("The answer to $request is lost: {$error->getMessage()}");
        } catch (\Throwable $error) {
            $guard->fail((string) $error);
        } finally {
            $guard->release();
            $upload->close();
        }
    }

    /** Wait so many seconds, or until this process is to stop; returns whether it is. */
    private function isStopped(float $seconds): bool
    {
        $until = microtime(true) + $seconds;
        do {
            $left = max(0, $until - microtime(true));
            $read = [$this->parent];
            $none = null;
            $ready = @stream_select($read, $none, $none, (int) $left, (int) (fmod($left, 1) * 1e6));
        } while ($ready === false); // a signal came
        return $ready > 0;
    }

    private function tell(string $held): void
    {
        @fwrite($this->parent, "$held\n"); // without a parent there is nobody to tell
    }
}
