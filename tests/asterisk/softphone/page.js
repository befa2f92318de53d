import { Softphone } from "./softphone.js";

const told = { states: [], microphones: [], loudest: { microphone: 0, line: 0 } };
let phone;

window.openPhone = async (account) => {
  phone = new Softphone({ account: async () => account, answerAfterMs: 100 }, {
    onState: ({ state, reason }) => told.states.push(reason === state ? state : `${state}: ${reason}`),
    onMicrophones: (microphones) => (told.microphones = microphones),
    onLevel: ({ microphone, line }) => {
      told.loudest.microphone = Math.max(told.loudest.microphone, microphone);
      told.loudest.line = Math.max(told.loudest.line, line);
    },
  });
  await phone.start();
};

window.onPhone = (method, ...given) => phone[method](...given);

// Pull the microphone out of the machine, and plug it in again.
const microphones = navigator.mediaDevices;
const given = microphones?.getUserMedia.bind(microphones);

window.unplug = () => {
  microphones.getUserMedia = () => Promise.reject(new DOMException("", "NotFoundError"));
  for (const { track } of phone.connection.getSenders()) {
    track.stop();
    track.dispatchEvent(new Event("ended"));
  }
};

window.plugIn = () => {
  microphones.getUserMedia = given;
  microphones.dispatchEvent(new Event("devicechange"));
};

// What the phone has told so far; the loudest is forgotten at each look.
window.look = async () => {
  const audio = { received: 0, sent: 0 };
  for (const report of (await phone?.connection?.getStats())?.values() ?? []) {
    if (report.type === "inbound-rtp") audio.received = report.packetsReceived;
    if (report.type === "outbound-rtp") audio.sent = report.packetsSent;
  }
  const seen = structuredClone({ ...told, ...audio, state: phone?.state });
  told.loudest = { microphone: 0, line: 0 };
  return seen;
};
