$contact = Http::withToken(env('QYVO_TOKEN'))
->post('https://www.qyvo.io/api/v1/actions/update-contact', [
'phone' => '+14155550123',
'metadata' => ['lifetime_value' => 9120.0],
])
->json();
