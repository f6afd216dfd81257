<?php

declare(strict_types=1);

use Psr\Http\Message\StreamInterface;

/** A response body that is made while it is sent: each piece goes out as it comes. */
final class Pieces implements StreamInterface
{
    private Iterator $pieces;
    private bool $taken = false; // the next one is made when it is asked for, not before this one is sent

    public function __construct(iterable $pieces)
    {
        $this->pieces = (static fn () => yield from $pieces)();
    }

    public function eof(): bool
    {
        if ($this->taken) {
            $this->pieces->next();
            $this->taken = false;
        }
        return !$this->pieces->valid();
    }

    public function read($length): string
    {
        $this->taken = true;
        return $this->pieces->current();
    }

    public function __toString(): string
    {
        return $this->getContents();
    }

    public function getContents(): string
    {
        return implode('', iterator_to_array($this->pieces, false));
    }

    public function close(): void
    {
    }

    public function detach()
    {
        return null;
    }

    public function getSize(): ?int
    {
        return null;
    }

    public function tell(): int
    {
        return 0;
    }

    public function isSeekable(): bool
    {
        return false;
    }

    public function seek($offset, $whence = SEEK_SET): void
    {
        throw new RuntimeException('it is made once');
    }

    public function rewind(): void
    {
        $this->seek(0);
    }

    public function isWritable(): bool
    {
        return false;
    }

    public function write($string): int
    {
        throw new RuntimeException('it is only read');
    }

    public function isReadable(): bool
    {
        return true;
    }

    public function getMetadata($key = null)
    {
        return null;
    }
}
