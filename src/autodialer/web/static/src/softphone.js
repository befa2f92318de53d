/**
 * The agent's phone in the browser: registers over a WebSocket and answers the dialer's calls.
 *
 * It knows nothing of the page: it takes an account, tells its state, and never touches the DOM,
 * so that it needs neither inline styles nor scripts. Audio runs through one microphone stream
 * that stays open while the phone is ready: a call is answered without asking anybody again.
 *
 *   const phone = new Softphone(
 *     { account: async () => ({ url: "wss://…/sip", user, secret, realm }) },
 *     { onState: ({ state, reason }) => …, onLevel: ({ microphone, line }) => … },
 *   );
 *   await phone.start();
 */

import JsSIP from "jssip";

/** What the phone is doing; exactly one at a time. */
export const State = Object.freeze({
  OFFLINE: "offline",
  CONNECTING: "connecting",
  READY: "ready",
  RINGING: "ringing",
  IN_CALL: "in-call",
  NO_MICROPHONE: "no-microphone",
  NO_NETWORK: "no-network",
  BLOCKED: "blocked",
});

// The new secret reaches the telephone server a moment after the page has got it.
const REFUSED_TRIES = 15;
const REFUSED_AGAIN_MS = 1000;
const REGISTER_EXPIRES_S = 120;
const RECONNECT_MIN_S = 1;
const RECONNECT_MAX_S = 10;
// Without a STUN server all candidates are there at once; one slow interface must not delay an answer.
const CANDIDATES_WITHIN_MS = 500;
const LEVEL_EVERY_MS = 100;
const LOCK_NAME = "autodialer-softphone";
const LOST_IN_CALL = Object.freeze({
  [State.NO_NETWORK]: "in-call-without-network",
  [State.NO_MICROPHONE]: "in-call-without-microphone",
});
const MICROPHONE_STATES = Object.freeze({
  NotAllowedError: [State.BLOCKED, "microphone-blocked"],
  SecurityError: [State.BLOCKED, "microphone-blocked"],
  NotReadableError: [State.NO_MICROPHONE, "microphone-busy"],
  AbortError: [State.NO_MICROPHONE, "microphone-busy"],
});

export class Softphone {
  /**
   * @param options `account`: an async function that returns { url, user, secret, realm }, asked at
   *   each start(), or these four fields themselves. `microphone`: the id of the one to use.
   *   `answerAfterMs`: how long the phone rings before it answers.
   * @param callbacks `onState({ state, reason })`, where the reason is the state itself unless
   *   a state has several, `onLevel({ microphone, line })` with
   *   0 to 1, `onMicrophones([{ id, label }])` when what is plugged in changes. All optional.
   */
  constructor(options, callbacks = {}) {
    this._askAccount = options.account ?? (async () => options);
    this._answerAfterMs = options.answerAfterMs ?? 600;
    this._microphoneId = options.microphone ?? "";
    this._callbacks = callbacks;
    this._speaker = new Audio();
    this._speaker.autoplay = true;
    this._state = State.OFFLINE;
    this._reason = State.OFFLINE;
    this._running = false;
    this._onDevices = () => this._devicesChanged();
  }

  /** What the phone is doing, one of State. */
  get state() {
    return this._state;
  }

  /** Whether the customer cannot hear the agent. */
  get muted() {
    return this._muted === true;
  }

  /** The call's RTCPeerConnection, for statistics; null without a call. */
  get connection() {
    return this._session?.connection ?? null;
  }

  /**
   * Switch the phone on: asks for the microphone, then registers. Again: starts over.
   *
   * Returns once the first step is done; what follows comes through onState.
   */
  async start() {
    await this.stop();
    this._running = true;
    this._show(State.CONNECTING);
    if (!navigator.mediaDevices?.getUserMedia) {
      this._show(State.BLOCKED, "page-not-secure");
      return;
    }
    navigator.mediaDevices.addEventListener("devicechange", this._onDevices);
    this._stopLevels = everyMs(LEVEL_EVERY_MS, () => this._tellLevels());
    this._waiting = new AbortController();
    const onWait = () => this._show(State.BLOCKED, "other-window");
    this._unlock = await onlyOne(onWait, this._waiting.signal);
    if (this._unlock) await this._openLine();
  }

  /** Switch the phone off; a call ends with it. */
  async stop() {
    this._running = false;
    navigator.mediaDevices?.removeEventListener("devicechange", this._onDevices);
    this._stopLevels?.();
    this._waiting?.abort();
    this._closeLine();
    this._closeMicrophone();
    this._unlock?.();
    this._unlock = null;
    this._show(State.OFFLINE);
  }

  /** End the call, as putting down a telephone does. */
  hangUp() {
    if (this._session && !this._session.isEnded()) this._session.terminate();
  }

  /** Let the customer hear the agent, or not. */
  setMuted(muted) {
    this._muted = muted;
    for (const track of this._stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  /** The microphones that can be chosen, [{ id, label }]; labels need the permission. */
  async microphones() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices
      .filter((device) => device.kind === "audioinput")
      .map((device) => ({ id: device.deviceId, label: device.label }));
  }

  /** Use another microphone from now on, also in the middle of a call. */
  async useMicrophone(id) {
    this._microphoneId = id;
    if (this._stream) await this._openMicrophone();
  }

  // The account and the socket ------------------------------------------------------------------

  async _openLine() {
    if (!(await this._openMicrophone())) {
      if (!this._session) this._closeLine(); // nobody is called who cannot speak
      return;
    }
    if (this._ua) {
      this._showLine();
      return;
    }
    let account;
    try {
      account = await this._askAccount();
    } catch {
      this._show(State.BLOCKED, "no-account");
      return;
    }
    if (!this._running || this._ua) return;
    this._refusals = 0;
    this._ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(account.url)],
      uri: `sip:${account.user}@${account.realm}`,
      authorization_user: account.user,
      password: account.secret,
      realm: account.realm,
      register_expires: REGISTER_EXPIRES_S,
      connection_recovery_min_interval: RECONNECT_MIN_S,
      connection_recovery_max_interval: RECONNECT_MAX_S,
      session_timers: false,
      user_agent: "autodialer softphone",
    });
    this._ua.on("registered", () => this._registered());
    this._ua.on("registrationFailed", (failure) => this._notRegistered(failure.response));
    this._ua.on("disconnected", () => this._networkLost());
    this._ua.on("newRTCSession", ({ originator, session }) => this._called(originator, session));
    this._ua.start();
  }

  _closeLine() {
    clearTimeout(this._again);
    this.hangUp();
    this._ua?.removeAllListeners();
    this._ua?.stop();
    this._ua = null;
    this._isRegistered = false;
    this._callEnded();
  }

  _registered() {
    this._isRegistered = true;
    this._refusals = 0;
    this._show(State.READY);
    // On a new socket: the server must learn where it can tell the end of the call.
    if (this._moved && this._session?.isEstablished()) {
      this._session.renegotiate({ useUpdate: true });
    }
    this._moved = false;
  }

  _notRegistered(response) {
    this._isRegistered = false;
    const refused = response?.status_code === 401 || response?.status_code === 403;
    if (refused && ++this._refusals > REFUSED_TRIES) {
      this._closeLine();
      this._show(State.BLOCKED, "refused");
      return;
    }
    this._show(refused ? State.CONNECTING : State.NO_NETWORK);
    clearTimeout(this._again);
    this._again = setTimeout(() => this._ua?.isConnected() && this._ua.register(), REFUSED_AGAIN_MS);
  }

  _networkLost() {
    this._isRegistered = false;
    this._moved = true;
    this._show(State.NO_NETWORK);
  }

  // The call ------------------------------------------------------------------------------------

  _called(originator, session) {
    // On our own socket only our telephone server can call; there is one agent and one line.
    if (originator !== "remote" || this._session) {
      session.terminate({ status_code: 486 });
      return;
    }
    this._session = session;
    this.setMuted(false);
    session.on("accepted", () => this._show(State.IN_CALL));
    session.on("ended", () => this._callEnded());
    session.on("failed", () => this._callEnded());
    session.on("peerconnection", ({ peerconnection }) => this._watch(peerconnection));
    session.on("icecandidate", ({ ready }) => setTimeout(ready, CANDIDATES_WITHIN_MS));
    this._show(State.RINGING);
    this._stopRinging = ring(this._audioContext());
    this._answering = setTimeout(() => this._answer(), this._answerAfterMs);
  }

  _answer() {
    this._stopRinging?.();
    this._session?.answer({
      mediaStream: this._stream,
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: [] },
    });
  }

  _watch(connection) {
    connection.addEventListener("track", ({ streams }) => {
      this._speaker.srcObject = streams[0];
      this._line = meter(this._audioContext(), streams[0]);
      // Only a page that was never touched and has no microphone may not play; we have one.
      this._speaker.play().catch(() => {});
    });
    // The telephone server answers the checks of a living call: it is gone, and so is the call.
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "failed") this.hangUp();
    });
  }

  _callEnded() {
    clearTimeout(this._answering);
    this._stopRinging?.();
    this._line?.close();
    this._line = null;
    this._session = null;
    this._speaker.srcObject = null;
    if (!this._ua) return;
    if (this._stream) this._showLine();
    else this._devicesChanged();
  }

  // The microphone ------------------------------------------------------------------------------

  async _openMicrophone() {
    let stream;
    try {
      stream = await listen(this._microphoneId);
    } catch (error) {
      const found = MICROPHONE_STATES[error.name] ?? [State.NO_MICROPHONE, State.NO_MICROPHONE];
      this._show(...found);
      return false;
    }
    if (!this._running) {
      stopTracks(stream);
      return false;
    }
    await this._replaceStream(stream);
    this._callbacks.onMicrophones?.(await this.microphones());
    return true;
  }

  async _replaceStream(stream) {
    const [track] = stream.getAudioTracks();
    track.addEventListener("ended", () => this._microphoneLost(stream));
    const old = this._stream;
    this._stream = stream;
    this._voice?.close();
    this._voice = meter(this._audioContext(), stream);
    this.setMuted(this.muted);
    const senders = this.connection?.getSenders() ?? [];
    await Promise.all(senders.map((sender) => sender.replaceTrack(track)));
    stopTracks(old);
  }

  _closeMicrophone() {
    stopTracks(this._stream);
    this._voice?.close();
    this._stream = null;
    this._voice = null;
  }

  /** Unplugged: another one takes over in a call; without any the phone leaves the line. */
  async _microphoneLost(stream) {
    if (stream !== this._stream) return;
    this._microphoneId = "";
    if (await this._openMicrophone()) return;
    this._closeMicrophone();
    if (this._session) await this._sendSilence();
    else this._closeLine();
  }

  /** Go on sending in a call: whose line is silent for ten seconds is taken for gone. */
  async _sendSilence() {
    const context = this._audioContext();
    const way = context.createMediaStreamDestination();
    const silence = new ConstantSourceNode(context, { offset: 0 });
    silence.connect(way);
    silence.start();
    const [track] = way.stream.getAudioTracks();
    const senders = this.connection?.getSenders() ?? [];
    await Promise.all(senders.map((sender) => sender.replaceTrack(track)));
  }

  async _devicesChanged() {
    if (!this._running) return;
    this._callbacks.onMicrophones?.(await this.microphones());
    if (!this._stream && this._unlock) await this._openLine();
  }

  // What is told --------------------------------------------------------------------------------

  /** Tell how it stands with the line. */
  _showLine() {
    if (this._isRegistered) this._show(State.READY);
    else this._show(this._ua.isConnected() ? State.CONNECTING : State.NO_NETWORK);
  }

  /** Tell a new state; in a call only its end, or what is lost beside it. */
  _show(state, reason = state) {
    const calling = this._session && !this._session.isEnded();
    if (calling && state !== State.RINGING && state !== State.IN_CALL) {
      if (!this._session.isEstablished()) return;
      reason = LOST_IN_CALL[state] ?? State.IN_CALL;
      state = State.IN_CALL;
    }
    if (state === this._state && reason === this._reason) return;
    this._state = state;
    this._reason = reason;
    this._callbacks.onState?.({ state, reason });
  }

  _tellLevels() {
    const microphone = this.muted ? 0 : this._voice?.level() ?? 0;
    this._callbacks.onLevel?.({ microphone, line: this._line?.level() ?? 0 });
  }

  _audioContext() {
    this._context ??= new AudioContext();
    // A context that was made before the first click is suspended until it is asked again.
    if (this._context.state === "suspended") this._context.resume().catch(() => {});
    return this._context;
  }
}

/** Return a stream of this microphone, or of the default one when it is not plugged in. */
async function listen(id) {
  const voice = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  const deviceId = id ? { deviceId: { ideal: id } } : {};
  return navigator.mediaDevices.getUserMedia({ audio: { ...voice, ...deviceId }, video: false });
}

function stopTracks(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Measure how loud a stream is: `level()` is 0 to 1, from -60 dB to full scale. */
function meter(context, stream) {
  const source = context.createMediaStreamSource(stream);
  const analyser = context.createAnalyser();
  const samples = new Float32Array(analyser.fftSize);
  source.connect(analyser);
  return {
    level() {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      return Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-12) + 60) / 60));
    },
    close: () => source.disconnect(),
  };
}

/** Play the ringing of India's telephones until the returned function is called. */
function ring(context) {
  const tone = context.createOscillator();
  const loudness = context.createGain();
  tone.frequency.value = 400;
  loudness.gain.value = 0;
  // 0.4 s on, 0.2 s off, 0.4 s on, 2 s off; a minute of it, longer than any phone rings.
  for (let at = context.currentTime; at < context.currentTime + 60; at += 3) {
    for (const [offset, gain] of [[0, 0.1], [0.4, 0], [0.6, 0.1], [1, 0]]) {
      loudness.gain.setValueAtTime(gain, at + offset);
    }
  }
  tone.connect(loudness).connect(context.destination);
  tone.start();
  let rings = true;
  return () => {
    if (rings) tone.stop();
    rings = false;
  };
}

/**
 * Wait until no other window of this browser has the phone; return the function that gives it up,
 * or null when `signal` ended the waiting.
 *
 * Two windows with one account would throw each other off the line. `onWait` is called when this
 * one has to wait.
 */
async function onlyOne(onWait, signal) {
  const take = (options) =>
    new Promise((taken) => {
      const hold = (lock) => (lock ? new Promise((release) => taken(release)) : taken(null));
      navigator.locks.request(LOCK_NAME, options, hold).catch(() => taken(null));
    });
  const now = await take({ ifAvailable: true });
  if (now) return now;
  if (signal.aborted) return null;
  onWait();
  return take({ signal });
}

function everyMs(period, work) {
  const timer = setInterval(work, period);
  return () => clearInterval(timer);
}
