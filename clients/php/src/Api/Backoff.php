<?php

declare(strict_types=1);

namespace Prack\Api;

/** How long to wait before another attempt: below a bound that doubles from 0.1 s to 10 s. */
final class Backoff
{
    private float $bound = 0.1;

    /** Seconds. */
    public function next(): float
    {
        $bound = $this->bound;
        $this->bound = min(2 * $bound, 10.0);
        return mt_rand() / mt_getrandmax() * $bound;
    }

    public function reset(): void
    {
        $this->bound = 0.1;
    }
}
