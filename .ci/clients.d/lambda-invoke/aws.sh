aws lambda invoke --endpoint-url http://127.0.0.1:3000 --function-name get-contact --payload fileb://event.json out.json
