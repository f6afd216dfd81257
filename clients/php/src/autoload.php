<?php

declare(strict_types=1);

// Without Composer: require this file.
spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Prack\\')) {
        require __DIR__ . '/' . strtr(substr($class, 6), '\\', '/') . '.php';
    }
});
