curl -X POST https://www.qyvo.io/api/v1/actions/update-contact \
-H "Authorization: Bearer YOUR_TOKEN_HERE" \
-H "Content-Type: application/json" \
-d '{
"phone": "+14155550123",
"metadata": { "lifetime_value": 9120.00 }
}'
