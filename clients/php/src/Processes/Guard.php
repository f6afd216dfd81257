<?php

declare(strict_types=1);

namespace Prack\Processes;

use Prack\Api\Answer;
use Prack\Api\Request;
use Prack\Ended;
use Prack\Lines;
use Prack\Unreachable;

/** Answers a request whose application ends the process: with exit(), or because its memory is used up. */
final class Guard
{
    private static ?self $current = null;
    private static bool $registered = false;

    public function __construct(
        private readonly Request $request,
        private readonly Answer $answer,
        private readonly Lines $log,
    ) {
        if (!self::$registered) { // each would stay until the process ends
            register_shutdown_function(static fn () => self::$current?->fail('the application has ended the process'));
            self::$registered = true;
        }
        self::$current = $this;
    }

    /** The application has returned. */
    public function release(): void
    {
        self::$current = null;
    }

    /** Say that the application failed, in the log and to the client. */
    public function fail(string $reason): void
    {
        $this->log->error("$this->request failed: $reason");
        try {
            $this->answer->fail();
        } catch (Ended | Unreachable) {
            return; // nobody waits
        }
    }
}
