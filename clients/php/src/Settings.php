<?php

declare(strict_types=1);

namespace Prack;

/** What a worker was told: by its methods, or by the variables of prack-worker. */
final class Settings
{
    private const NAME = ['/^[!-~]{0,128}$/D', 'at most 128 visible ASCII characters'];
    private const NUMBER = ['/^\d+(\.\d+)?$/D', 'seconds'];
    private const FILE = ['/^/', 'a file'];

    /** Variable, default, and what is expected of each. */
    private const OPTIONS = [
        'gateway' => ['PRACK_GATEWAY', 'http://127.0.0.1:4242', '#^https?://[^/?\#@]+$#D',
            'http:// or https://, then host and port'],
        'slots' => ['PRACK_SLOTS', '8', '/^([1-9]\d{0,2}|1000)$/D', '1 to 1000'],
        'routes' => ['PRACK_ROUTES', '', '/^/', 'routes, separated by commas'],
        'service' => ['PRACK_SERVICE', '', ...self::NAME],
        'version' => ['PRACK_APP_VERSION', '', ...self::NAME],
        'tier' => ['PRACK_TIER', '0', '/^\d$/D', '0 to 9'],
        'grace' => ['PRACK_GRACE', '30', ...self::NUMBER],
        'token' => ['PRACK_TOKEN', '', '/^[!-~]*$/D', 'visible ASCII characters'],
        'tokenFile' => ['PRACK_TOKEN_FILE', '', ...self::FILE],
        'tlsCa' => ['PRACK_TLS_CA', '', ...self::FILE],
        'tlsCert' => ['PRACK_CLIENT_CERT', '', ...self::FILE],
        'tlsKey' => ['PRACK_CLIENT_KEY', '', ...self::FILE],
        'tlsServerName' => ['PRACK_TLS_SERVER_NAME', '', '/^[\w.-]*$/D', 'a name such as gateway.example.com'],
        'logLevel' => ['PRACK_LOG_LEVEL', 'info', '/^(debug|info|warning|error)$/D',
            'debug, info, warning or error'],
        'restartAfter' => ['PRACK_RESTART_AFTER', '1000', '/^\d+$/D', 'a number of requests; 0: never'],
    ];
    private const FILES = ['tokenFile', 'tlsCa', 'tlsCert', 'tlsKey'];

    /** @var array<string, string> */
    private array $values = [];

    /**
     * @param array<string, scalar> $given by option; the rest is read from `$environment`
     * @param array<string, string> $environment
     * @throws UsageError
     */
    public function __construct(array $given, array $environment)
    {
        $mistakes = [];
        foreach (self::OPTIONS as $name => [$variable, $default, $pattern, $expected]) {
            $text = (string) ($given[$name] ?? $environment[$variable] ?? '');
            $this->values[$name] = $text === '' ? $default : $text;
            if (!preg_match($pattern, $this->values[$name])) {
                $shown = $name === 'token' ? '' : sprintf(' "%s"', Lines::visible($text));
                $mistakes[] = (isset($given[$name]) ? $name : $variable) . "$shown: expected $expected";
            }
        }
        foreach (self::FILES as $name) {
            $path = $this->values[$name];
            if ($path !== '' && !is_readable($path)) {
                $mistakes[] = sprintf('%s "%s": cannot be read', $name, Lines::visible($path));
            }
        }
        if ($mistakes) {
            throw new UsageError(implode("\n", $mistakes));
        }
    }

    public function text(string $name): string
    {
        return $this->values[$name];
    }

    public function number(string $name): int
    {
        return (int) $this->values[$name];
    }

    /** Seconds. */
    public function grace(): float
    {
        return (float) $this->values['grace'];
    }

    /**
     * A comma within a list of methods ("GET,HEAD /") does not end a route.
     *
     * @return list<string>
     */
    public function routes(): array
    {
        $routes = preg_split('/,(?![A-Z]+[ ,])/', $this->values['routes']);
        return array_values(array_filter(array_map('trim', $routes ?: []), static fn ($route) => $route !== ''));
    }

    /**
     * The token of now: its file may be replaced while the worker runs.
     *
     * @throws Unreachable
     */
    public function currentToken(): string
    {
        $path = $this->values['tokenFile'];
        if ($path === '') {
            return $this->values['token'];
        }
        $text = @file_get_contents($path);
        return $text === false ? throw new Unreachable("PRACK_TOKEN_FILE cannot be read: $path") : trim($text);
    }
}
