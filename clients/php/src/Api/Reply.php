<?php

declare(strict_types=1);

namespace Prack\Api;

use Prack\Unreachable;

/** A reply of the worker API, whose body is read from its connection by pieces. */
final class Reply
{
    private bool $chunked;
    private bool $ended;
    private int $left;
    private ?string $text = null;

    /** @param array<string, string> $fields */
    public function __construct(
        public readonly int $status,
        private readonly array $fields,
        private readonly Connection $connection,
    ) {
        $this->chunked = strtolower($this->field('transfer-encoding')) === 'chunked';
        $this->left = $this->chunked ? 0 : (int) $this->field('content-length');
        $this->ended = !$this->chunked && $this->left === 0;
    }

    /** Its value, '' without it. */
    public function field(string $name): string
    {
        return $this->fields[$name] ?? '';
    }

    /** The next piece of the body, '' at its end. @throws Unreachable if it breaks off */
    public function piece(): string
    {
        if ($this->chunked && $this->left === 0 && !$this->ended) {
            $this->nextChunk();
        }
        if ($this->ended) {
            $this->settle();
            return '';
        }
        $data = $this->connection->bytes(min($this->left, Connection::READ));
        $this->left -= strlen($data);
        if ($this->left === 0) {
            $this->chunked ? $this->connection->line() : $this->ended = true;
        }
        return $data;
    }

    /** The same reply once its body was read. @throws Unreachable */
    public function whole(): self
    {
        $this->text = '';
        while (($data = $this->piece()) !== '') {
            $this->text .= $data;
        }
        return $this;
    }

    /** The whole body. @throws Unreachable */
    public function text(): string
    {
        return $this->text ?? (string) $this->whole()->text;
    }

    /** Why a call was refused, as one line. */
    public function detail(): string
    {
        return rtrim($this->status . ': ' . (json_decode($this->text(), true)['detail'] ?? ''), ': ');
    }

    /** Seconds that the gateway asks to wait; none asks for more than a minute. */
    public function retryAfter(): int
    {
        return min((int) $this->field('retry-after'), 60);
    }

    private function nextChunk(): void
    {
        $this->left = (int) hexdec($this->connection->line());
        if ($this->left === 0) {
            while ($this->connection->line() !== '') {
                continue;
            }
            $this->ended = true;
        }
    }

    private function settle(): void
    {
        if (strtolower($this->field('connection')) === 'close') {
            $this->connection->close();
        }
    }
}
