<?php

declare(strict_types=1);

namespace Prack\Tests;

use PHPUnit\Framework\TestCase;
use Prack\Settings;
use Prack\UsageError;

final class SettingsTest extends TestCase
{
    public function testWhatIsGivenCountsMoreThanAVariable(): void
    {
        $environment = ['PRACK_SLOTS' => '5', 'PRACK_TIER' => '2'];
        $settings = new Settings(['slots' => 3], $environment);
        self::assertSame([3, 2], [$settings->number('slots'), $settings->number('tier')]);
        self::assertSame('http://127.0.0.1:4242', $settings->text('gateway'));
        self::assertSame(30.0, $settings->grace());
    }

    public function testMethodsOfARouteKeepTheirComma(): void
    {
        $settings = new Settings([], ['PRACK_ROUTES' => 'GET,HEAD shop.example.com/cart, /api']);
        self::assertSame(['GET,HEAD shop.example.com/cart', '/api'], $settings->routes());
    }

    public function testAllMistakesAreToldTogether(): void
    {
        $this->expectException(UsageError::class);
        $this->expectExceptionMessage(
            "gateway \"gateway:4242\": expected http:// or https://, then host and port\n" .
            "PRACK_SLOTS \"0\": expected 1 to 1000\n" .
            "PRACK_TOKEN: expected visible ASCII characters\n" .
            'tlsCa "/no/such.pem": cannot be read',
        );
        $wrong = ['PRACK_SLOTS' => '0', 'PRACK_TOKEN' => 'two words', 'PRACK_TLS_CA' => '/no/such.pem'];
        new Settings(['gateway' => 'gateway:4242'], $wrong);
    }
}
