import os, httpx
contact = httpx.post(
    'https://www.qyvo.io/api/v1/actions/create-contact',
    headers={'Authorization': f"Bearer {os.environ['QYVO_TOKEN']}"},
    json={
        'phone': '+14155550123',
        'name': 'Romain',
        'email': 'romain@example.com',
        'tags': 'vip, fr-FR',
        'metadata': {'shopify_id': '12345', 'lifetime_value': 8742.0},
    },
).json()
