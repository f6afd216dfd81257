<?php

declare(strict_types=1);

namespace Prack\Api;

use Prack\Settings;
use Prack\Unreachable;
use Prack\Worker;

/**
 * One HTTP/1.1 connection to the worker API, for one call at a time.
 *
 * Bodies are sent and read by pieces at the caller's pace, and signals do not end a wait, for both of which
 * curl has no way.
 */
final class Connection
{
    public const READ = 65536;
    private const DIAL_SECONDS = 5;
    private const STALL_SECONDS = 60; // the gateway gives up an upload after 30

    /** @var resource|null */
    private $socket = null;
    private string $buffer = '';

    public function __construct(private readonly Settings $settings)
    {
    }

    /**
     * Send a head, and the whole body; without one, pieces follow.
     *
     * @param array<string, string> $fields
     * @throws Unreachable
     */
    public function request(string $method, string $path, array $fields = [], ?string $body = ''): void
    {
        if ($this->socket === null || $this->isReadable()) { // readable while idle: the server has closed it
            $this->dial();
        }
        $fields += $body === null ? ['transfer-encoding' => 'chunked'] : ['content-length' => (string) strlen($body)];
        $head = "$method /api/v1$path HTTP/1.1\r\n";
        foreach ($this->ownFields() + $fields as $name => $value) {
            $head .= "$name: $value\r\n";
        }
        $this->send("$head\r\n$body");
    }

    /** A piece of a body. @throws Unreachable */
    public function write(string $data): void
    {
        if ($data !== '') {
            $this->send(dechex(strlen($data)) . "\r\n$data\r\n");
        }
    }

    /** The end of a body of pieces. @throws Unreachable */
    public function finish(): void
    {
        $this->send("0\r\n\r\n");
    }

    /** The head of the reply; its body is to be read, or the connection closed. @throws Unreachable */
    public function reply(float $seconds = self::STALL_SECONDS): Reply
    {
        do {
            $head = $this->line($seconds);
        } while ($head === '' || str_starts_with($head, 'HTTP/1.1 100'));
        $fields = [];
        while (($line = $this->line($seconds)) !== '') {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $fields[strtolower($name)] = trim($value);
        }
        return new Reply((int) substr($head, 9, 3), $fields, $this);
    }

    /**
     * A whole call.
     *
     * @param array<string, string> $fields
     * @throws Unreachable
     */
    public function call(
        string $method, string $path, array $fields = [], string $body = '', float $seconds = self::STALL_SECONDS,
    ): Reply {
        $this->request($method, $path, $fields, $body);
        return $this->reply($seconds)->whole();
    }

    /** Something came, or the other side has closed. */
    public function isReadable(): bool
    {
        $read = [$this->socket];
        $none = null;
        return $this->buffer !== '' || ($this->socket !== null && @stream_select($read, $none, $none, 0) > 0);
    }

    /** Up to so many bytes, one at least. @throws Unreachable */
    public function bytes(int $most): string
    {
        if ($this->buffer === '') {
            $this->fill(self::STALL_SECONDS);
        }
        $data = substr($this->buffer, 0, $most);
        $this->buffer = substr($this->buffer, strlen($data));
        return $data;
    }

    /** A line without its end. @throws Unreachable */
    public function line(float $seconds = self::STALL_SECONDS): string
    {
        while (($at = strpos($this->buffer, "\n")) === false) {
            $this->fill($seconds);
        }
        $line = substr($this->buffer, 0, $at);
        $this->buffer = substr($this->buffer, $at + 1);
        return rtrim($line, "\r");
    }

    public function close(): void
    {
        if ($this->socket !== null) {
            fclose($this->socket);
        }
        $this->socket = null;
        $this->buffer = '';
    }

    /** @return array<string, string> */
    private function ownFields(): array
    {
        $host = substr(strstr($this->settings->text('gateway'), '//') ?: '', 2);
        $own = ['host' => $host, 'user-agent' => 'prack-php/' . Worker::VERSION];
        $token = $this->settings->currentToken();
        return $token === '' ? $own : $own + ['authorization' => "Bearer $token"];
    }

    private function dial(): void
    {
        $this->close();
        [$scheme, $address] = explode('://', $this->settings->text('gateway'));
        $address = ($scheme === 'https' ? 'tls' : 'tcp') . "://$address";
        $context = stream_context_create($this->options());
        error_clear_last();
        $socket = @stream_socket_client(
            $address, $code, $reason, self::DIAL_SECONDS, STREAM_CLIENT_CONNECT, $context,
        );
        if ($socket === false) {
            $reason = $reason ?: trim((string) preg_replace('/^.*?: /', '', error_get_last()['message'] ?? 'no TLS'));
            throw new Unreachable("$reason (is `prack serve` running there?)");
        }
        stream_set_blocking($socket, false);
        $this->socket = $socket;
    }

    /** @return array<string, array<string, mixed>> */
    private function options(): array
    {
        $files = ['cafile' => 'tlsCa', 'local_cert' => 'tlsCert', 'local_pk' => 'tlsKey'];
        $names = $files + ['peer_name' => 'tlsServerName'];
        $tls = array_filter(array_map($this->settings->text(...), $names), static fn ($text) => $text !== '');
        return ['ssl' => $tls, 'socket' => ['tcp_nodelay' => true]];
    }

    private function fill(float $seconds): void
    {
        $until = microtime(true) + $seconds;
        while (($data = $this->read()) === '') {
            $this->await([$this->socket], null, $until);
        }
        $this->buffer .= $data;
    }

    private function read(): string
    {
        $data = $this->socket === null ? false : @fread($this->socket, self::READ);
        if ($data === false || ($data === '' && feof($this->socket))) {
            $this->close();
            throw new Unreachable('the gateway has closed the connection');
        }
        return $data;
    }

    private function send(string $data): void
    {
        while ($data !== '') {
            $sent = $this->socket === null ? false : @fwrite($this->socket, $data);
            if ($sent === false) { // not closed: there may be a reply that says why
                throw new Unreachable('the gateway has closed the connection');
            }
            $data = substr($data, $sent);
            if ($data !== '') {
                $this->await(null, [$this->socket], microtime(true) + self::STALL_SECONDS);
            }
        }
    }

    /**
     * @param list<resource>|null $read
     * @param list<resource>|null $write
     */
    private function await(?array $read, ?array $write, float $until): void
    {
        $none = null;
        do {
            $left = max(0, $until - microtime(true));
            $ready = @stream_select($read, $write, $none, (int) $left, (int) (fmod($left, 1) * 1e6));
        } while ($ready === false && $left > 0); // a signal came
        if (!$ready) {
            $this->close();
            throw new Unreachable('no answer in time');
        }
    }
}
