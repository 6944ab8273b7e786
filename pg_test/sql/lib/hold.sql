-- For \ir as superuser: attempts count as made a minute from now, so that a delay of one second is not over before a slow
-- machine has tried once more.
CREATE FUNCTION made_later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.last_at := NEW.last_at + interval '1 minute'; RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE INSERT ON warden.attempts FOR EACH ROW EXECUTE FUNCTION made_later();
CREATE TRIGGER hold_again BEFORE UPDATE ON warden.attempts FOR EACH ROW WHEN (NEW.failed > OLD.failed) EXECUTE FUNCTION made_later();

-- An answer that ends with the seconds to wait, without that minute: `slow_down 61`, or less on a slow machine, is `slow_down 1`.
CREATE FUNCTION held(answer text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT regexp_replace(answer, '\m(5\d|6[01])(?=\)?$)', '1') $$;
