<?php

declare(strict_types=1);

namespace Prack\Api;

use Prack\Lines;
use Prack\Refused;
use Prack\Settings;
use Prack\Unreachable;

/** The worker API of one gateway, as the worker calls it (docs/rest.md). */
final class Gateway
{
    private const POLL_SECONDS = 20;
    private const SLACK_SECONDS = 5;
    private const BUSY = [401, 403, 408, 429];
    private const JSON = ['content-type' => 'application/json'];

    private string $worker;
    private bool $speaks = true;
    private bool $connected = false;
    private string $trouble = '';

    /** All processes that come of this one are one worker to the gateway. */
    public function __construct(public readonly Settings $settings, private readonly Lines $log)
    {
        $host = substr((string) preg_replace('/[^!-~]/', '-', (string) gethostname()), 0, 64);
        $this->worker = sprintf('%s-%d-%s', $host, getmypid(), bin2hex(random_bytes(4)));
    }

    /** The same for a process that is not to log what others do. */
    public function quiet(): self
    {
        $quiet = clone $this;
        $quiet->speaks = false;
        return $quiet;
    }

    /** One request, null when none came. @throws Unreachable @throws Refused */
    public function poll(Connection $connection): ?Request
    {
        $wait = $this->connected ? self::POLL_SECONDS : 0; // the first one shows whether the gateway is there
        $path = "/requests/next?wait=$wait&{$this->query()}";
        $reply = $connection->call('GET', $path, seconds: $wait + self::SLACK_SECONDS);
        if ($reply->status === 400) {
            throw new Refused("the gateway refuses this worker: {$reply->detail()}");
        }
        $this->check($reply);
        if ($reply->status !== 200 && $reply->status !== 204) {
            throw new Unreachable("{$reply->status}: the server there is not a Prack gateway");
        }
        if ($this->speaks && !$this->connected) {
            $this->log->info("Connected to {$this->settings->text('gateway')}");
        }
        $this->connected = true;
        $this->trouble = '';
        return $reply->status === 200 ? new Request($reply, $reply->text()) : null;
    }

    /** Have the parked polls return at once. @throws Unreachable */
    public function leave(Connection $connection): void
    {
        $message = json_encode(['worker' => $this->worker, 'leaving' => true], JSON_THROW_ON_ERROR);
        $this->check($connection->call('POST', '/drain', self::JSON, $message));
    }

    /** The process that held this request is gone. @throws Unreachable */
    public function fail(Connection $connection, string $identifier): void
    {
        $message = '{"message": "the process that held it has ended"}';
        $this->check($connection->call('POST', "/requests/$identifier/error", self::JSON, $message));
    }

    /** Returns unless a call was refused for what may pass. @throws Unreachable */
    public function check(Reply $reply): void
    {
        if ($reply->status === 401) {
            throw new Unreachable('the gateway rejects this token: check PRACK_TOKEN or PRACK_TOKEN_FILE');
        }
        if (in_array($reply->status, self::BUSY, true) || $reply->status >= 500) {
            throw new Unreachable($reply->detail(), $reply->retryAfter());
        }
    }

    /** Log a line when the reason changes, not for each attempt. */
    public function lost(Unreachable $error): void
    {
        $reason = $error->getMessage();
        if ($this->speaks && $this->connected) {
            $this->log->warning("Lost the gateway: $reason; reconnecting");
        } elseif ($this->speaks && $reason !== $this->trouble) {
            $address = $this->settings->text('gateway');
            $this->log->warning("No gateway at $address: $reason; retrying until it answers");
        }
        $this->connected = false;
        $this->trouble = $reason;
    }

    private function query(): string
    {
        $names = ['service', 'version', 'tier'];
        $about = ['worker' => $this->worker, 'body' => 'separate'];
        $query = http_build_query($about + array_combine($names, array_map($this->settings->text(...), $names)));
        foreach ($this->settings->routes() as $route) {
            $query .= '&route=' . urlencode($route);
        }
        return $query;
    }
}
