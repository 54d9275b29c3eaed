$contact = Http::withToken(env('QYVO_TOKEN'))
    ->post('https://www.qyvo.io/api/v1/actions/create-contact', [
        'phone' => '+14155550123',
        'name' => 'Romain',
        'email' => 'romain@example.com',
        'tags' => 'vip, fr-FR',
        'metadata' => ['shopify_id' => '12345', 'lifetime_value' => 8742.0],
    ])
    ->json();
