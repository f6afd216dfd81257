<?php

declare(strict_types=1);

namespace Prack\Api;

use Prack\Ended;
use Prack\Unreachable;

/**
 * The answer to one request: an upload of application/http, sent as it is made.
 *
 * While it is short it is kept, and sent again if its connection breaks: it counts once.
 */
final class Answer
{
    private const KEPT = 65536;
    private const FORGOTTEN = [404, 409, 410];
    private const BODILESS = [204, 205, 304];

    private ?string $kept = '';
    private bool $started = false;
    private bool $bodiless = false;
    private bool $headSent = false;
    private bool $done = false;
    private Backoff $backoff;

    public function __construct(
        private readonly Connection $connection,
        private readonly Request $request,
        private readonly Gateway $gateway,
    ) {
        $this->backoff = new Backoff();
    }

    /** The head of the response was sent, or at least tried. */
    public function isBegun(): bool
    {
        return $this->headSent;
    }

    /** It has no body: what is written is dropped. */
    public function isBodiless(): bool
    {
        return $this->bodiless;
    }

    /**
     * Begin with the head.
     *
     * @param iterable<array{string, string}> $fields
     * @throws \InvalidArgumentException a field has a line break
     * @throws Ended
     * @throws Unreachable
     */
    public function head(int $status, iterable $fields): void
    {
        $head = "HTTP/1.1 $status \r\n";
        foreach ($fields as [$name, $value]) {
            if (preg_match('/[\r\n\0]/', $name . $value)) {
                throw new \InvalidArgumentException("the field $name has a line break");
            }
            $head .= "$name: $value\r\n";
        }
        $this->headSent = true;
        $this->put("$head\r\n");
        $this->bodiless = $this->request->method === 'HEAD' || in_array($status, self::BODILESS, true);
    }

    /** A piece of the body. @throws Ended @throws Unreachable */
    public function write(string $data): void
    {
        if (!$this->bodiless && $data !== '') {
            $this->put($data);
        }
    }

    /** The end, once it has arrived. @throws Ended @throws Unreachable */
    public function finish(): void
    {
        while (!$this->done) {
            try {
                $this->connection->finish();
                $this->verdict();
                $this->done = true;
            } catch (Unreachable $error) {
                $this->again($error);
            }
        }
    }

    /** A whole answer to a failure, or the break of one that has begun. */
    public function fail(): void
    {
        if ($this->headSent) {
            $this->connection->close();
            return;
        }
        $this->head(500, [['content-type', 'text/plain']]);
        $this->write("Internal Server Error\n");
        $this->finish();
    }

    private function put(string $data): void
    {
        if ($this->done) {
            return;
        }
        $fits = $this->kept !== null && strlen($this->kept) + strlen($data) <= self::KEPT;
        $this->kept = $fits ? $this->kept . $data : null;
        try {
            $this->started ? $this->connection->write($data) : $this->start($data);
            if ($this->connection->isReadable()) { // the gateway need not wait for the end
                $this->verdict();
                $this->done = true;
                $this->connection->close();
            }
        } catch (Unreachable $error) {
            $this->again($error);
        }
    }

    private function start(string $data): void
    {
        $this->started = true;
        $path = "/requests/{$this->request->identifier}/response";
        $this->connection->request('POST', $path, ['content-type' => 'application/http'], null);
        $this->connection->write($data);
    }

    /** Return if the gateway has taken it. @throws Ended @throws Unreachable for what may pass */
    private function verdict(): void
    {
        $reply = $this->connection->reply()->whole();
        if ($reply->status === 200) {
            return;
        }
        $this->connection->close();
        if (in_array($reply->status, self::FORGOTTEN, true)) {
            throw new Ended('nobody waits for it any more');
        }
        $this->gateway->check($reply);
        throw new Ended("the gateway refuses it: {$reply->detail()}");
    }

    /** Send again what was sent, until that works. @throws Ended @throws Unreachable */
    private function again(Unreachable $error): void
    {
        $error = $this->reason($error);
        while (true) {
            $this->connection->close(); // what comes next on it would be taken for more of this answer
            $delay = max($this->backoff->next(), $error->retryAfter);
            if ($this->kept === null || $delay > $this->request->left()) {
                throw $error;
            }
            usleep((int) ($delay * 1e6));
            try {
                $this->start($this->kept);
                return;
            } catch (Unreachable $later) {
                $error = $later;
            }
        }
    }

    /** A connection may bring a reply before it breaks. @throws Ended */
    private function reason(Unreachable $error): Unreachable
    {
        try {
            if ($this->connection->isReadable()) {
                $this->verdict();
            }
            return $error;
        } catch (Unreachable $said) {
            return $said;
        }
    }
}
