<?php

declare(strict_types=1);

namespace Prack;

/** The log of prack-worker on standard error: time, level, sentence. */
final class Lines
{
    private const LEVELS = ['debug', 'info', 'warning', 'error'];

    public function __construct(private readonly string $least)
    {
    }

    public function debug(string $message): void
    {
        $this->write('debug', $message);
    }

    public function info(string $message): void
    {
        $this->write('info', $message);
    }

    public function warning(string $message): void
    {
        $this->write('warning', $message);
    }

    public function error(string $message): void
    {
        $this->write('error', $message);
    }

    /** What others have said, without what a terminal would obey. */
    public static function visible(string $text): string
    {
        return (string) preg_replace_callback(
            '/[^\t\n -~\x80-\xff]|\xc2[\x80-\x9f]/',
            static fn (array $odd): string => '\x' . bin2hex($odd[0]),
            $text,
        );
    }

    private function write(string $level, string $message): void
    {
        if (array_search($level, self::LEVELS, true) >= array_search($this->least, self::LEVELS, true)) {
            fwrite(STDERR, sprintf("%s %s %s\n", date('H:i:s'), strtoupper($level), self::visible($message)));
        }
    }
}
