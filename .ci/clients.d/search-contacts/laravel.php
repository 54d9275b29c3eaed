$contacts = Http::withToken(env('QYVO_TOKEN'))
    ->post('https://www.qyvo.io/api/v1/actions/search-contacts', [
        'query' => 'smith',
        'tag' => 'vip',
    ])
    ->json();
