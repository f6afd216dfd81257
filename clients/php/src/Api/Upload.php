<?php

declare(strict_types=1);

namespace Prack\Api;

use Prack\Settings;
use Prack\Unreachable;

/** The body of a request as the client sends it, fetched when it is first read. */
final class Upload
{
    private ?Connection $connection = null;
    private ?Reply $reply = null;
    private bool $ended;

    public function __construct(private readonly Request $request, private readonly Settings $settings)
    {
        $this->ended = $request->empty;
    }

    /** The next piece, '' at the end. @throws Unreachable if the client breaks off */
    public function piece(): string
    {
        if ($this->ended) {
            return '';
        }
        $this->reply ??= $this->fetch();
        $data = $this->reply->piece();
        $this->ended = $data === '';
        return $data;
    }

    public function isEnded(): bool
    {
        return $this->ended;
    }

    public function close(): void
    {
        $this->connection?->close();
    }

    private function fetch(): Reply
    {
        $this->connection = new Connection($this->settings);
        $this->connection->request('GET', "/requests/{$this->request->identifier}/body");
        $reply = $this->connection->reply();
        if ($reply->status !== 200) {
            throw new Unreachable("the body of the request cannot be read: {$reply->detail()}");
        }
        return $reply;
    }
}
