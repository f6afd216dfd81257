<?php

declare(strict_types=1);

namespace Prack;

/** A call had no answer, or not now. */
final class Unreachable extends \RuntimeException
{
    /** @param int $retryAfter seconds that the gateway asks to wait, 0 if it does not say */
    public function __construct(string $message, public readonly int $retryAfter = 0)
    {
        parent::__construct($message);
    }
}
