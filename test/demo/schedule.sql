SELECT smsfollow.schedule_many($$
         SELECT phone, order_id, first_name, item, delivered_at,
                delivered_at + interval '2 days' AS send_at,
                'how is it ' || order_id AS idempotency_key
         FROM orders $$,
       campaign => 'how is it');
