<?php

declare(strict_types=1);

namespace Prack\Processes;

/** One process as its parent sees it. */
final class Child
{
    /** Identifier and name of the request that it holds, '' if none. */
    public string $held = '';

    /** @param resource $link to the process; closed, it tells it to stop */
    public function __construct(public readonly int $pid, private $link)
    {
        stream_set_blocking($link, false);
    }

    /** @return resource */
    public function link()
    {
        return $this->link;
    }

    /** Read what the process holds now. */
    public function listen(): void
    {
        $told = explode("\n", (string) @fread($this->link, 65536));
        $this->held = $told[count($told) - 2] ?? $this->held;
    }

    /** It finishes what it holds, and ends. */
    public function stop(): void
    {
        stream_socket_shutdown($this->link, STREAM_SHUT_WR);
    }

    public function close(): void
    {
        fclose($this->link);
    }
}
