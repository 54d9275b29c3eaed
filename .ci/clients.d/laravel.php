<?php
// The part of a Laravel application that `Http::…` and `env(…)` need, from Debian's Laravel packages:
// a container that creates the HTTP client, and the alias that every Laravel application has.

require 'Illuminate/Container/autoload.php';
require 'Illuminate/Http/autoload.php';
require 'GuzzleHttp/autoload.php';

Illuminate\Support\Facades\Facade::setFacadeApplication(new Illuminate\Container\Container());
class_alias(Illuminate\Support\Facades\Http::class, 'Http');
