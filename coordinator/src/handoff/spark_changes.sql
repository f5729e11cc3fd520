SELECT * FROM (
  SELECT _origin,
       {{key_values}},
       {{event}} AS _event,
       {{written_at}} AS _written_at,
       {{version}} AS _version,
       {{image}} AS _item
  FROM (SELECT _origin, {{unfolded_line}} AS r FROM lines))
WHERE _origin <> 'live' OR _written_at >= TIMESTAMP '{{since}}Z'
