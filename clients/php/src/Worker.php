<?php

declare(strict_types=1);

namespace Prack;

use Prack\Api\Gateway;
use Prack\Legacy\FrontController;
use Prack\Processes\Slots;
use Prack\Psr\Factories;
use Prack\Psr\Handler;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\RequestHandlerInterface;

/**
 * Runs an application behind one gateway: a process for each request that it may hold.
 *
 *     (new Prack\Worker($psr15Handler))->slots(8)->run();
 *     Prack\Worker::legacy('public/index.php')->run();
 */
final class Worker
{
    public const VERSION = '0.1.0';

    /** @var array<string, scalar> */
    private array $given = [];
    private \Closure $app;

    /**
     * @param RequestHandlerInterface|\Closure(ServerRequestInterface): ResponseInterface $handler
     * @param Factories|null $factories of PSR-17; by default those of a known library that is installed
     */
    public function __construct(RequestHandlerInterface|\Closure $handler, ?Factories $factories = null)
    {
        $handle = $handler instanceof \Closure ? $handler : $handler->handle(...);
        $this->app = static fn () => new Handler($handle, $factories ?? Factories::discover());
    }

    /** One whose application is a script that begins anew for each request, as under PHP-FPM. */
    public static function legacy(string $script, string $cgi = 'php-cgi'): self
    {
        $worker = new self(static fn () => throw new \LogicException('never called'));
        $worker->app = static fn () => new FrontController($script, $cgi);
        return $worker;
    }

    /** `http://host:port` of the REST port. */
    public function gateway(string $url): self
    {
        return $this->give('gateway', $url);
    }

    /** Requests to hold at a time. */
    public function slots(int $slots): self
    {
        return $this->give('slots', $slots);
    }

    /** What this worker serves, each `[METHODS ]host/path`. */
    public function routes(string ...$routes): self
    {
        return $this->give('routes', implode(',', $routes));
    }

    /** What this worker runs, and the build of it. */
    public function service(string $service, string $version = ''): self
    {
        return $this->give('service', $service)->give('version', $version);
    }

    /** Replace each process after so many requests; 0: never. */
    public function restartAfter(int $requests): self
    {
        return $this->give('restartAfter', $requests);
    }

    /** Serve until SIGTERM or Ctrl-C, finish what is held, and end the process: with 1 if it never could, else 0. */
    public function run(): never
    {
        try {
            $settings = new Settings($this->given, getenv());
            $app = ($this->app)();
        } catch (UsageError $error) {
            foreach (explode("\n", $error->getMessage()) as $line) {
                fwrite(STDERR, "prack: $line\n");
            }
            exit(1);
        }
        $log = new Lines($settings->text('logLevel'));
        exit((new Slots($app, new Gateway($settings, $log), $log))->run());
    }

    private function give(string $name, string|int $value): self
    {
        $this->given[$name] = $value;
        return $this;
    }
}
