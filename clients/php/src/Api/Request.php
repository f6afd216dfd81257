<?php

declare(strict_types=1);

namespace Prack\Api;

/** One request that a poll brought. */
final class Request
{
    public readonly string $identifier;
    public readonly int $attempt;
    public readonly string $method;
    public readonly string $target;
    /** @var list<array{string, string}> name in lower case, value */
    public readonly array $fields;
    public readonly bool $empty;
    private float $deadline;

    /** @param Reply $reply to the poll; its body is `$head`, the head of the request */
    public function __construct(Reply $reply, string $head)
    {
        $this->identifier = $reply->field('prack-id');
        $this->attempt = (int) $reply->field('prack-attempt');
        $this->empty = $reply->field('prack-body-length') === '0';
        $this->deadline = microtime(true) + (int) $reply->field('prack-deadline-ms') / 1000;
        $lines = explode("\r\n", rtrim($head));
        [$this->method, $this->target] = explode(' ', array_shift($lines));
        $this->fields = array_map(self::field(...), $lines);
    }

    /** The gateway's id of it. */
    public function id(): string
    {
        return (string) strstr("$this->identifier.", '.', true);
    }

    /** Seconds that are left for the answer to begin. */
    public function left(): float
    {
        return $this->deadline - microtime(true);
    }

    /** The values of this name, with commas between; cookies with semicolons. */
    public function value(string $name): string
    {
        $found = array_filter($this->fields, static fn (array $field) => $field[0] === $name);
        return implode($name === 'cookie' ? '; ' : ', ', array_column($found, 1));
    }

    /** @return array{string, string} path and query, as the client sent them */
    public function target(): array
    {
        return explode('?', $this->target, 2) + [1 => ''];
    }

    /** @return array{string, string} */
    public function authority(): array
    {
        preg_match('/^(.*?)(?::(\d+))?$/D', $this->value('host'), $found);
        return [$found[1] ?: 'localhost', $found[2] ?? '80'];
    }

    /**
     * As $_SERVER has it.
     *
     * @return array<string, string>
     */
    public function server(): array
    {
        [$name, $port] = $this->authority();
        $chain = explode(',', $this->value('x-forwarded-for'));
        $server = [
            'REQUEST_METHOD' => $this->method, 'REQUEST_URI' => $this->target, 'QUERY_STRING' => $this->target()[1],
            'SERVER_NAME' => $name, 'SERVER_PORT' => $port,
            'SERVER_PROTOCOL' => 'HTTP/1.1', 'SERVER_SOFTWARE' => 'prack',
            'REMOTE_ADDR' => trim(end($chain)), // the one that spoke to the gateway
            'PRACK_REQUEST_ID' => $this->id(), 'PRACK_ATTEMPT' => (string) $this->attempt,
        ];
        if ($this->value('x-forwarded-proto') === 'https') {
            $server['HTTPS'] = 'on';
        }
        foreach (array_unique(array_column($this->fields, 0)) as $field) {
            if ($field === 'proxy' || str_contains($field, '_')) { // they would be taken for something else
                continue;
            }
            $key = strtoupper(strtr($field, '-', '_'));
            $bare = $key === 'CONTENT_TYPE' || $key === 'CONTENT_LENGTH';
            $server[$bare ? $key : "HTTP_$key"] = $this->value($field);
        }
        return $server;
    }

    public function __toString(): string
    {
        return "$this->method {$this->target()[0]} ({$this->id()})";
    }

    /** @return array{string, string} */
    private static function field(string $line): array
    {
        [$name, $value] = explode(':', $line, 2) + [1 => ''];
        return [strtolower($name), trim($value, " \t")];
    }
}
