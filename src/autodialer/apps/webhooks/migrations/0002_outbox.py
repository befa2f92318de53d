from django.db import migrations

# What is told is written by the transaction in which it happens, whoever writes: nothing that was
# committed goes untold, and nothing is told that was not. Where nobody wants to know, all of it is
# one look at two small indexes. docs/adr/0012-webhook-outbox.md

WANTS = """
CREATE FUNCTION webhooks_wants(kinds text[], kind text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    -- Of its ringing only the popup URL is told: no endpoint can choose it.
    RETURN kinds = '{}' AND kind <> 'call.ringing' OR kind = ANY (kinds);
"""

CALLS = """
CREATE FUNCTION webhooks_tell_call() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    _kind text := TG_ARGV[0];
    _event uuid;
    _at timestamptz;
BEGIN
    PERFORM FROM webhooks_endpoint AS e
      WHERE e.account_id = NEW.account_id AND e.disabled_reason = ''
        AND webhooks_wants(e.kinds, _kind)
     UNION ALL
    SELECT FROM campaigns_campaign AS c
      WHERE c.id = NEW.campaign_id
        AND (c.popup_url <> '' OR _kind = 'call.ended' AND NEW.try_no IS NOT NULL
             AND (c.call_completed_url <> ''
                  OR c.call_no_answer_url <> '' AND NEW.status = 'no-answer'))
     UNION ALL
    SELECT FROM campaigns_callbacks AS told
      WHERE told.campaign_id = NEW.campaign_id AND told.call_url <> ''
        AND (_kind = 'call.ended' AND told.on_end AND NEW.try_no IS NOT NULL
             OR _kind = 'call.answered' AND told.on_answer)
     LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    _event := gen_random_uuid();
    _at := CASE _kind WHEN 'call.dialing' THEN NEW.placed_at
                      WHEN 'call.ringing' THEN NEW.rang_at
                      WHEN 'call.answered' THEN NEW.answered_at ELSE NEW.ended_at END;
    INSERT INTO webhooks_event (id, account_id, campaign_id, kind, attempt_id, target_id, at)
    VALUES (_event, NEW.account_id, NEW.campaign_id, _kind, NEW.id, NEW.target_id, _at);

    -- To the endpoints, and to the URLs of the campaign: call-completed of every call that was one,
    -- call-no-answer besides when nobody answered.
    INSERT INTO webhooks_delivery (event_id, account_id, purpose, endpoint_id, lane, due_at)
    SELECT _event, NEW.account_id, 'webhook', e.id, 'e' || e.id, _at
      FROM webhooks_endpoint AS e
     WHERE e.account_id = NEW.account_id AND e.disabled_reason = ''
       AND webhooks_wants(e.kinds, _kind)
     UNION ALL
    SELECT _event, NEW.account_id, hook.purpose, NULL, 'c' || c.id || ':' || hook.purpose, _at
      FROM campaigns_campaign AS c
     CROSS JOIN LATERAL (VALUES
               ('popup', c.popup_url <> ''),
               ('call_completed', c.call_completed_url <> '' AND _kind = 'call.ended'
                                  AND NEW.try_no IS NOT NULL),
               ('call_no_answer', c.call_no_answer_url <> '' AND _kind = 'call.ended'
                                  AND NEW.try_no IS NOT NULL AND NEW.status = 'no-answer')
           ) AS hook (purpose, is_wanted)
     WHERE c.id = NEW.campaign_id AND hook.is_wanted
     UNION ALL
    SELECT _event, NEW.account_id, 'call_told', NULL, 'c' || told.campaign_id || ':call_told', _at
      FROM campaigns_callbacks AS told
     WHERE told.campaign_id = NEW.campaign_id AND told.call_url <> ''
       AND (_kind = 'call.ended' AND told.on_end AND NEW.try_no IS NOT NULL
            OR _kind = 'call.answered' AND told.on_answer);
    RETURN NULL;
END $$;

CREATE TRIGGER call_dialing_is_told AFTER INSERT ON calls_attempt FOR EACH ROW
    EXECUTE FUNCTION webhooks_tell_call('call.dialing');

CREATE TRIGGER call_ringing_is_told AFTER UPDATE OF rang_at ON calls_attempt FOR EACH ROW
    WHEN (OLD.rang_at IS NULL AND NEW.rang_at IS NOT NULL)
    EXECUTE FUNCTION webhooks_tell_call('call.ringing');

-- An answer that could not be stored at once comes with the end: "answered" sorts before "ended".
CREATE TRIGGER call_answered_is_told AFTER UPDATE OF answered_at ON calls_attempt FOR EACH ROW
    WHEN (OLD.answered_at IS NULL AND NEW.answered_at IS NOT NULL)
    EXECUTE FUNCTION webhooks_tell_call('call.answered');

CREATE TRIGGER call_ended_is_told AFTER UPDATE OF state ON calls_attempt FOR EACH ROW
    WHEN (NEW.state = 'ended' AND OLD.state <> 'ended')
    EXECUTE FUNCTION webhooks_tell_call('call.ended');
"""

# Who asked for a single call hears of its end also when it never came to the number.
SESSIONS = """
CREATE FUNCTION webhooks_tell_session() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    _event uuid := gen_random_uuid();
    _target bigint;
BEGIN
    SELECT t.id INTO _target
      FROM campaigns_callbacks AS told
      JOIN campaigns_campaign AS c ON c.id = told.campaign_id AND c.kind = 'call'
      JOIN campaigns_target AS t ON t.campaign_id = c.id
     WHERE told.campaign_id = NEW.campaign_id AND told.call_url <> '' AND told.on_end
       AND NOT EXISTS (SELECT FROM calls_attempt AS a
                        WHERE a.target_id = t.id AND a.try_no IS NOT NULL);
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO webhooks_event (id, account_id, campaign_id, kind, session_id, target_id, at)
    VALUES (_event, NEW.account_id, NEW.campaign_id, 'session.ended', NEW.id, _target,
            NEW.ended_at);
    INSERT INTO webhooks_delivery (event_id, account_id, purpose, endpoint_id, lane, due_at)
    VALUES (_event, NEW.account_id, 'call_told', NULL, 'c' || NEW.campaign_id || ':call_told',
            NEW.ended_at);
    RETURN NULL;
END $$;

CREATE TRIGGER session_end_is_told AFTER UPDATE OF status ON calls_session FOR EACH ROW
    WHEN (NEW.status = 'ended' AND OLD.status <> 'ended')
    EXECUTE FUNCTION webhooks_tell_session();
"""

# Completing a campaign finishes up to 100,000 numbers in one statement: all of them in one go.
NUMBERS = """
CREATE FUNCTION webhooks_tell_numbers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM webhooks_endpoint AS e
      WHERE e.disabled_reason = '' AND webhooks_wants(e.kinds, 'number.finished')
     UNION ALL
    SELECT FROM campaigns_callbacks AS told WHERE told.number_url <> ''
     LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM changed
      WHERE changed.new NOT IN ('scheduled', 'in-progress', 'retry', 'retrying') LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    WITH told AS (
        INSERT INTO webhooks_event (id, account_id, campaign_id, kind, target_id, at)
        SELECT gen_random_uuid(), t.account_id, t.campaign_id, 'number.finished', t.id, changed.at
          FROM changed
          JOIN campaigns_target AS t ON t.id = changed.target_id
         WHERE changed.new NOT IN ('scheduled', 'in-progress', 'retry', 'retrying')
           AND (EXISTS (SELECT FROM webhooks_endpoint AS e
                         WHERE e.account_id = t.account_id AND e.disabled_reason = ''
                           AND webhooks_wants(e.kinds, 'number.finished'))
                OR EXISTS (SELECT FROM campaigns_callbacks AS told
                            WHERE told.campaign_id = t.campaign_id AND told.number_url <> ''))
        RETURNING id, account_id, campaign_id, at
    )
    INSERT INTO webhooks_delivery (event_id, account_id, purpose, endpoint_id, lane, due_at)
    SELECT told.id, told.account_id, 'webhook', e.id, 'e' || e.id, told.at
      FROM told
      JOIN webhooks_endpoint AS e
        ON e.account_id = told.account_id AND e.disabled_reason = ''
           AND webhooks_wants(e.kinds, 'number.finished')
     UNION ALL
    SELECT told.id, told.account_id, 'number_told', NULL,
           'c' || told.campaign_id || ':number_told', told.at
      FROM told
      JOIN campaigns_callbacks AS callbacks
        ON callbacks.campaign_id = told.campaign_id AND callbacks.number_url <> '';
    RETURN NULL;
END $$;

CREATE TRIGGER number_finished_is_told AFTER INSERT ON campaigns_targetchange
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION webhooks_tell_numbers();
"""

CAMPAIGNS = """
CREATE FUNCTION webhooks_tell_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- A campaign whose start has passed is made and started in one step.
    _kinds text[] := CASE
        WHEN NEW.old = '' AND NEW.new = 'in-progress' THEN '{campaign.created,campaign.started}'
        WHEN NEW.old = '' THEN '{campaign.created}'
        WHEN NEW.old = 'created' AND NEW.new = 'in-progress' THEN '{campaign.started}'
        WHEN NEW.new = 'in-progress' OR NEW.old = 'paused' AND NEW.new = 'created'
        THEN '{campaign.resumed}'
        ELSE ARRAY['campaign.' || NEW.new] END;
    _kind text;
    _account bigint;
    _event uuid;
BEGIN
    SELECT c.account_id INTO _account
      FROM campaigns_campaign AS c
     WHERE c.id = NEW.campaign_id
       AND (EXISTS (SELECT FROM webhooks_endpoint AS e
                     WHERE e.account_id = c.account_id AND e.disabled_reason = ''
                       AND (e.kinds = '{}' OR e.kinds::text[] && _kinds))
            OR EXISTS (SELECT FROM campaigns_callbacks AS told
                        WHERE told.campaign_id = c.id AND told.campaign_url <> ''));
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    FOREACH _kind IN ARRAY _kinds LOOP
        _event := gen_random_uuid();
        INSERT INTO webhooks_delivery (event_id, account_id, purpose, endpoint_id, lane, due_at)
        SELECT _event, _account, 'webhook', e.id, 'e' || e.id, NEW.at
          FROM webhooks_endpoint AS e
         WHERE e.account_id = _account AND e.disabled_reason = ''
           AND webhooks_wants(e.kinds, _kind)
         UNION ALL
        SELECT _event, _account, 'campaign_told', NULL,
               'c' || told.campaign_id || ':campaign_told', NEW.at
          FROM campaigns_callbacks AS told
         WHERE told.campaign_id = NEW.campaign_id AND told.campaign_url <> ''
           AND _kind IN ('campaign.started', 'campaign.completed');
        IF FOUND THEN
            INSERT INTO webhooks_event (id, account_id, campaign_id, kind, change_id, at)
            VALUES (_event, _account, NEW.campaign_id, _kind, NEW.id, NEW.at);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER campaign_step_is_told AFTER INSERT ON campaigns_campaignchange FOR EACH ROW
    EXECUTE FUNCTION webhooks_tell_campaign();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0001_initial"),
        ("calls", "0002_protection"),
        ("campaigns", "0002_protection"),
    ]
    operations = [
        migrations.RunSQL(WANTS, "DROP FUNCTION webhooks_wants;"),
        migrations.RunSQL(CALLS, "DROP FUNCTION webhooks_tell_call CASCADE;"),
        migrations.RunSQL(SESSIONS, "DROP FUNCTION webhooks_tell_session CASCADE;"),
        migrations.RunSQL(NUMBERS, "DROP FUNCTION webhooks_tell_numbers CASCADE;"),
        migrations.RunSQL(CAMPAIGNS, "DROP FUNCTION webhooks_tell_campaign CASCADE;"),
    ]
