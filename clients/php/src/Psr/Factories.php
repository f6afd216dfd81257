<?php

declare(strict_types=1);

namespace Prack\Psr;

use Prack\UsageError;
use Psr\Http\Message\ServerRequestFactoryInterface;
use Psr\Http\Message\StreamFactoryInterface;

/** What makes requests and streams (PSR-17). */
final class Factories
{
    private const KNOWN = ['Nyholm\Psr7\Factory\Psr17Factory', 'GuzzleHttp\Psr7\HttpFactory'];

    public function __construct(
        public readonly ServerRequestFactoryInterface $requests,
        public readonly StreamFactoryInterface $streams,
    ) {
    }

    /** Those of an installed library that has all in one class. @throws UsageError there is none */
    public static function discover(): self
    {
        foreach (self::KNOWN as $class) {
            if (class_exists($class)) {
                return new self(new $class(), new $class());
            }
        }
        throw new UsageError('no PSR-17 factory: install nyholm/psr7 or guzzlehttp/psr7, or pass Prack\Psr\Factories');
    }
}
