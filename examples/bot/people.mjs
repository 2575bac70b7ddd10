// The people of a small Indonesian internet provider, and what they write to its bot.

const FIRST =
  'Agus Ahmad Andi Ayu Bambang Budi Cahya Citra Dewi Dian Dwi Eka Endang Fajar Farida Fitri Galih Hadi Hendra Heri Ika Indah Indra Iwan Joko Kartika Kurniawan Lestari Lina Maya Mega Muhammad Nanda Nia Novi Nur Putri Rahmat Ratna Rina Rizky Rudi Sari Siti Slamet Sri Sugeng Suharto Surya Taufik Teguh Tri Umar Utami Wahyu Wati Wawan Yanti Yudi Yuni Zainal'.split(
    ' '
  )
const LAST =
  'Anggraini Aditya Basuki Firmansyah Gunawan Hakim Handayani Harahap Hasanah Hidayat Irawan Kusuma Lubis Maulana Mulyani Nasution Nugroho Permata Pranata Pratama Purnomo Puspita Rahayu Rahman Ramadhan Safitri Santoso Saputra Setiawan Simanjuntak Siregar Sitompul Subagyo Sulistyo Susanti Suryadi Syahputra Wibowo Wicaksono Widodo Wijaya Wulandari Yulianto'.split(
    ' '
  )
const STREETS =
  'Melati Mawar Kenanga Cempaka Anggrek Merpati Rajawali Diponegoro Sudirman Pahlawan Kartini Gajah-Mada Ahmad-Yani Veteran Pemuda Merdeka Imam-Bonjol Cendrawasih'.split(
    ' '
  )
const VILLAGES =
  'Sukamaju Sidomulyo Karanganyar Tanjungsari Banjarejo Wonosari Margorejo Purwosari Kebonagung Cibeureum Jatiasih Mekarsari'.split(
    ' '
  )
export const PACKAGES = [
  ['Paket Hemat 10 Mbps', 125000],
  ['Paket Keluarga 20 Mbps', 165000],
  ['Paket Pelajar 15 Mbps', 140000],
  ['Paket Bisnis 50 Mbps', 350000],
  ['Paket Gamer 100 Mbps', 525000]
]
export const COMMANDS =
  'cekwifi gantisandi gantinama ceksaldo topup beliVoucher lapor cektiket tagihan reboot statusmodem menu bantuan'.split(
    ' '
  )

const MESSAGES = [
  (r) =>
    `Selamat ${r.pick(['pagi', 'siang', 'sore', 'malam'])} kak, internet di rumah saya mati sejak jam ${r.int(1, 12)}, mohon dibantu ya`,
  () => 'cek saldo',
  (r) => `Sudah transfer Rp${rupiah(r.int(20, 600) * 1000)} ke rekening BCA a.n. RAF NET, mohon dicek`,
  (r) => `ganti sandi wifi jadi ${r.pick(FIRST).toLowerCase()}${r.int(100, 99999)}`,
  (r) => `Lampu LOS modem merah berkedip, sudah saya restart ${r.int(2, 5)} kali tetap tidak bisa`,
  (r) => `beli voucher ${r.pick(['3 jam', '12 jam', '1 hari', '7 hari', '30 hari'])} ${r.int(1, 5)} lembar`,
  (r) => `Terima kasih ${r.pick(['kak', 'mas', 'pak', 'bu'])}, sudah normal lagi 🙏`,
  (r) =>
    `Teknisi jadi datang hari ini? Alamat ${address(r)}, patokan dekat ${r.pick(['masjid', 'warung', 'SD', 'balai desa', 'pos ronda'])}`,
  (r) => `tagihan bulan ini berapa ya? nama ${name(r)}`,
  (r) => `Internetnya lambat sekali, speedtest cuma ${r.int(1, 9)}.${r.int(10, 99)} Mbps padahal ${r.pick(PACKAGES)[0]}`
]

export const name = (r) => `${r.pick(FIRST)} ${r.pick(LAST)}`
export const phone = (r) => `628${r.pick(['12', '13', '21', '22', '52', '57', '77', '78', '96'])}${r.digits(8)}`
export const jid = (r) => `${phone(r)}@s.whatsapp.net`
export const address = (r) =>
  `Jl. ${r.pick(STREETS)} No. ${r.int(1, 180)} RT ${r.int(1, 12)}/RW ${r.int(1, 9)}, Desa ${r.pick(VILLAGES)}`
export const message = (r) => r.pick(MESSAGES)(r)
export const rupiah = (amount) => String(amount).replace(/\B(?=(\d{3})+$)/g, '.')

/** The moment at which every made bot "is": data must not depend on the day it is made. */
export const NOW = Date.UTC(2026, 10, 23, 7, 0, 0)
/** A moment in the bot's past two years, as its databases write it. */
export const moment = (r) => timestamp(NOW - Math.floor(r.fraction() * 730 * 86_400_000))
export const timestamp = (ms) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
