<?php
// The part of a Laravel application that `Http::…` and `env(…)` need, of Debian's packages of Laravel:
// a container to make the client with, and the alias that every application has.

require 'Illuminate/Container/autoload.php';
require 'Illuminate/Http/autoload.php';
require 'GuzzleHttp/autoload.php';

Illuminate\Support\Facades\Facade::setFacadeApplication(new Illuminate\Container\Container());
class_alias(Illuminate\Support\Facades\Http::class, 'Http');
