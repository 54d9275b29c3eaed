$contact = Http::withToken(env('QYVO_TOKEN'))
->post('https://www.qyvo.io/api/v1/actions/get-contact', [
'phone' => '+14155550123',
])
->json();
