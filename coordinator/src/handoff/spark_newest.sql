SELECT * FROM (
  SELECT *, row_number() OVER (PARTITION BY {{keys}} ORDER BY _version DESC, _written_at DESC) AS _place
  FROM (
    SELECT _origin,
       {{key_values}},
       {{event}} AS _event,
       {{written_at}} AS _written_at,
       {{version}} AS _version,
       {{image}} AS _item
    FROM (SELECT _origin, {{unfolded_line}} AS r FROM lines))
  WHERE _origin = 'backfill' OR _written_at >= TIMESTAMP '{{since}}Z')
WHERE _place = 1
