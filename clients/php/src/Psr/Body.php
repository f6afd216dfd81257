<?php

declare(strict_types=1);

namespace Prack\Psr;

use Prack\Api\Upload;
use Psr\Http\Message\StreamInterface;

/**
 * The body of a request as a stream that is read once, as it comes.
 *
 * Parameters have no types, so that it fits both versions of PSR-7's interfaces.
 */
final class Body implements StreamInterface
{
    private string $ahead = '';
    private int $position = 0;

    public function __construct(private readonly Upload $upload)
    {
    }

    public function __toString(): string
    {
        return $this->getContents();
    }

    public function close(): void
    {
        $this->upload->close();
    }

    /** @return null there is no resource below it */
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
        return $this->position;
    }

    public function eof(): bool
    {
        return $this->ahead === '' && $this->upload->isEnded();
    }

    public function isSeekable(): bool
    {
        return false;
    }

    public function seek($offset, $whence = SEEK_SET): void
    {
        throw new \RuntimeException('a request body is read once');
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
        throw new \RuntimeException('a request body cannot be written');
    }

    public function isReadable(): bool
    {
        return true;
    }

    public function read($length): string
    {
        if ($this->ahead === '') {
            $this->ahead = $this->upload->piece();
        }
        $data = substr($this->ahead, 0, $length);
        $this->ahead = substr($this->ahead, strlen($data));
        $this->position += strlen($data);
        return $data;
    }

    public function getContents(): string
    {
        $all = '';
        while (($data = $this->read(PHP_INT_MAX)) !== '') {
            $all .= $data;
        }
        return $all;
    }

    /** @return array<string, mixed>|null */
    public function getMetadata($key = null)
    {
        return $key === null ? [] : null;
    }
}
